"""The closed sets of words a spec may use."""

from __future__ import annotations

from enum import StrEnum


class DataClass(StrEnum):
    """How far the data that a model sees may travel."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    ON_PREMISES_ONLY = "on-premises-only"


class ModelFormat(StrEnum):
    """What the artifact of a version holds."""

    MLFLOW = "mlflow"
    ONNX = "onnx"
    SAFETENSORS = "safetensors"
    SAVEDMODEL = "savedmodel"
    TORCHSCRIPT = "torchscript"
    TENSORRT = "tensorrt"
    GGUF = "gguf"
    SKOPS = "skops"
    XGBOOST = "xgboost"
    PICKLE = "pickle"
    JOBLIB = "joblib"
    PYTORCH = "pytorch"
    CUSTOM = "custom"

    @property
    def pickled(self) -> bool:
        """Whether loading it runs whatever code its author put inside."""
        return self in {ModelFormat.PICKLE, ModelFormat.JOBLIB, ModelFormat.PYTORCH}


class RuntimeKind(StrEnum):
    """The program that serves the model."""

    MLFLOW = "mlflow"
    TRITON = "triton"
    VLLM = "vllm"
    CUSTOM = "custom"


class Mode(StrEnum):
    """How predictions are asked for."""

    REALTIME = "realtime"
    SERVERLESS = "serverless"
    ASYNC = "async"
    BATCH = "batch"


class DataFormat(StrEnum):
    """What the files of a batch prediction hold."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class Strategy(StrEnum):
    """How traffic moves to a new version."""

    CANARY = "canary"
    LINEAR = "linear"
    BLUE_GREEN = "blue-green"
    ALL_AT_ONCE = "all-at-once"


class Schedule(StrEnum):
    """How often a monitor looks."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


class QualityMetric(StrEnum):
    """What the model-quality monitor computes from predictions and ground truth."""

    ACCURACY = "accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1"
    AUC = "auc"
    MAE = "mae"
    RMSE = "rmse"

    @property
    def higher_is_better(self) -> bool:
        """Whether a breach is a value under the threshold rather than over it."""
        return self not in {QualityMetric.MAE, QualityMetric.RMSE}


class BiasMetric(StrEnum):
    """How the bias monitor compares two groups of the population."""

    DISPARATE_IMPACT = "disparate-impact"
    PARITY_DIFFERENCE = "parity-difference"
    RECALL_DIFFERENCE = "recall-difference"


class TargetKind(StrEnum):
    """Where an endpoint can run."""

    LOCAL = "local"
    KUBERNETES = "kubernetes"
    AWS = "aws"
    GCP = "gcp"


class Location(StrEnum):
    """Who owns the machines of a cluster."""

    ON_PREMISES = "on-premises"
    CLOUD = "cloud"
