"""Programs planned against states as Pulumi and its bridged and native providers record them: nothing to change."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hybridml.engine import exported, secrets
from hybridml.engine.diff import Action, Change
from hybridml.engine.plan import Plan
from hybridml.engine.program import plan
from hybridml.engine.values import from_wire, to_json
from hybridml.errors import StateError

from .conftest import Write

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
PREFIX = "urn:pulumi:dev::written::"
STACK = f"{PREFIX}pulumi:pulumi:Stack::written-dev"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0c5e7d4a"
PHRASE = "correct horse"


def entry(urn: str, inputs: dict[str, Any], outputs: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A resource of a state; its outputs hold its inputs too."""
    type_ = urn.split("::", maxsplit=1)[0].rpartition("$")[2]
    shown = _without_defaults(inputs)
    found = {"urn": PREFIX + urn, "type": type_, "custom": True, "id": f"id-{urn.rpartition('::')[2]}", "parent": STACK}
    return {**found, "inputs": inputs, "outputs": {**shown, **(outputs or {})}, **more}


def _without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_defaults(item) for key, item in value.items() if key != "__defaults"}
    return [_without_defaults(item) for item in value] if isinstance(value, list) else value


def state_of(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A deployment with its stack."""
    stack = {"urn": STACK, "type": "pulumi:pulumi:Stack", "custom": False, "outputs": {}}
    return {"version": 3, "deployment": {"resources": [stack, *resources], **more}}


def default_provider(package: str, version: str, inputs: dict[str, Any]) -> dict[str, Any]:
    name = f"default_{version.replace('.', '_')}"
    return entry(f"pulumi:providers:{package}::{name}", {**inputs, "version": version})


AWS = """
    import json
    import pulumi
    import pulumi_aws as aws

    west = aws.Provider("west", region="eu-west-1", default_tags={"tags": {"team": "ml"}})
    key = aws.kms.Key("key", description="models", enable_key_rotation=True, deletion_window_in_days=30)
    bucket = aws.s3.Bucket("store", tags={"Name": "store"}, opts=pulumi.ResourceOptions(provider=west, protect=True))
    sse = {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}
    aws.s3.BucketServerSideEncryptionConfiguration("sealed", bucket=bucket.id,
        rules=[{"apply_server_side_encryption_by_default": sse}])
    role = aws.iam.Role("role", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": []}))
    aws.iam.RolePolicy("may", role=role.name, policy=pulumi.Output.json_dumps(
        {"Statement": [{"Action": "s3:GetObject", "Resource": pulumi.Output.concat(bucket.arn, "/*")}]}))
    code = pulumi.AssetArchive({"main.py": pulumi.FileAsset("main.py"), "lib": pulumi.FileArchive("lib")})
    word = pulumi.Config().require_secret("word")
    aws.lambda_.Function("scorer", role=role.arn, runtime="python3.12", handler="main.handle", code=code,
        memory_size=256, environment={"variables": {"BUCKET": bucket.bucket, "WORD": word}})
    aws.s3.BucketObject("card", bucket=bucket.id, key="card.txt", source=pulumi.StringAsset("a card"))
    read = aws.s3.Bucket.get("shared", "shared-bucket")
    pulumi.export("shared", read.arn)
"""


def aws(folder: Path, crypter: secrets.Crypter) -> dict[str, Any]:
    """What `pulumi up` of `AWS` leaves: automatic names, defaults, further outputs, digests, secrets, nulls."""
    provider = f"{PREFIX}pulumi:providers:aws::west::7f2d"
    arn = "arn:aws:s3:::store-8c1d2f3"
    role_arn = "arn:aws:iam::111122223333:role/role-1a2b3c4"
    policy = {"Statement": [{"Action": "s3:GetObject", "Resource": f"{arn}/*"}]}
    word = {SIGNATURE: SECRET, "ciphertext": crypter.encrypt('"sesame-open"')}
    default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY, "__defaults": []}
    return state_of(
        default_provider("aws", "7.10.0", {"region": "us-east-1", "skipCredentialsValidation": "false"}),
        entry(
            "pulumi:providers:aws::west",
            {
                "defaultTags": '{"tags":{"team":"ml"}}',
                "region": "eu-west-1",
                "skipCredentialsValidation": False,
                "skipRegionValidation": "true",
                "version": "7.10.0",
            },
        ),
        entry(
            "aws:kms/key:Key::key",
            {
                "__defaults": ["bypassPolicyLockoutSafetyCheck", "customerMasterKeySpec", "isEnabled", "keyUsage"],
                "bypassPolicyLockoutSafetyCheck": False,
                "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
                "deletionWindowInDays": 30.0,
                "description": "models",
                "enableKeyRotation": True,
                "isEnabled": True,
                "keyUsage": "ENCRYPT_DECRYPT",
            },
            {"arn": KEY, "keyId": "0c5e7d4a", "policy": "{}", "tagsAll": {}, "customKeyStoreId": ""},
        ),
        entry(
            "aws:s3/bucket:Bucket::store",
            {
                "__defaults": ["bucket", "forceDestroy"],
                "bucket": "store-8c1d2f3",
                "forceDestroy": False,
                "tags": {"Name": "store", "__defaults": []},
            },
            {
                "arn": arn,
                "tagsAll": {"Name": "store", "team": "ml"},
                "grants": [],
                "region": "eu-west-1",
                "policy": None,
            },
            provider=provider,
            protect=True,
            id="store-8c1d2f3",
        ),
        entry(
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration::sealed",
            {
                "__defaults": [],
                "bucket": "store-8c1d2f3",
                "rules": [{"__defaults": [], "applyServerSideEncryptionByDefault": default}],
            },
            propertyDependencies={"bucket": [f"{PREFIX}aws:s3/bucket:Bucket::store"]},
        ),
        entry(
            "aws:iam/role:Role::role",
            {
                "__defaults": ["forceDetachPolicies", "maxSessionDuration", "name", "path"],
                "assumeRolePolicy": '{"Version": "2012-10-17", "Statement": []}',
                "forceDetachPolicies": False,
                "maxSessionDuration": 3600,
                "name": "role-1a2b3c4",
                "path": "/",
            },
            {"arn": role_arn, "uniqueId": "AROA", "createDate": "2026-01-01T00:00:00Z", "inlinePolicies": []},
            id="role-1a2b3c4",
        ),
        entry(
            "aws:iam/rolePolicy:RolePolicy::may",
            {"__defaults": ["name"], "name": "may-77aa", "policy": json.dumps(policy), "role": "role-1a2b3c4"},
        ),
        entry(
            "aws:lambda/function:Function::scorer",
            {
                "__defaults": ["name", "packageType", "publish", "reservedConcurrentExecutions", "timeout"],
                "code": archive(folder),
                "environment": {
                    "__defaults": [],
                    "variables": {"__defaults": [], "BUCKET": "store-8c1d2f3", "WORD": word},
                },
                "handler": "main.handle",
                "memorySize": 256,
                "name": "scorer-5d5d5d5",
                "packageType": "Zip",
                "publish": False,
                "reservedConcurrentExecutions": -1,
                "role": role_arn,
                "runtime": "python3.12",
                "timeout": 3,
            },
            {
                "arn": "arn:aws:lambda:…:scorer-5d5d5d5",
                "version": "$LATEST",
                "sourceCodeSize": 812.0,
                "vpcConfig": None,
            },
            additionalSecretOutputs=["environment"],
            initErrors=None,
        ),
        entry(
            "aws:s3/bucketObject:BucketObject::card",
            {
                "__defaults": ["acl", "forceDestroy"],
                "acl": "private",
                "bucket": "store-8c1d2f3",
                "forceDestroy": False,
                "key": "card.txt",
                "source": {SIGNATURE: ASSET, "hash": hashlib.sha256(b"a card").hexdigest(), "text": "a card"},
            },
        ),
        entry("aws:s3/bucket:Bucket::store", {"bucket": "store-old"}, delete=True, id="store-old"),
        {
            **entry("aws:s3/bucket:Bucket::shared", {}, {"arn": "arn:aws:s3:::shared-bucket"}),
            "external": True,
            "id": "shared-bucket",
        },
        secrets_providers={"type": "passphrase", "state": {"salt": crypter.salt}},
        manifest={"time": "2026-01-01T00:00:00Z", "magic": "", "version": "v3.260.0"},
        metadata={},
    )


def archive(folder: Path) -> dict[str, Any]:
    """As Pulumi records it. The digest was computed by Pulumi itself for these very files."""
    (folder / "lib").mkdir(exist_ok=True)
    (folder / "main.py").write_text("handle = print\n")
    (folder / "lib" / "words.txt").write_text("words\n")
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("main.py",)}
    inner = {SIGNATURE: ARCHIVE, "path": "lib", "hash": LIB}
    member = {SIGNATURE: ASSET, "path": "main.py", "hash": digests["main.py"]}
    return {SIGNATURE: ARCHIVE, "assets": {"lib": inner, "main.py": member}, "hash": CODE}


LIB = "c033774e08cae8053700953a5c50bf726b0ffcd4487896a8b4df6bcb5a21f28b"
CODE = "b0633e2ba60f3a18b744921f0fe64226fa0bc72e4b8d7b0c14831e8e0dce75ed"

KUBERNETES = """
    import pulumi
    import pulumi_kubernetes as k8s

    app = {"app": "churn"}
    space = k8s.core.v1.Namespace("models", metadata={"labels": {"team": "ml"}})
    config = k8s.core.v1.ConfigMap("settings", metadata={"namespace": space.metadata.name}, data={"level": "info"})
    hidden = k8s.core.v1.Secret("token", metadata={"name": "token"}, string_data={"token": "sesame-token"})
    limits = {"limits": {"cpu": "1", "memory": "1Gi"}}
    pod = {"containers": [{"name": "server", "image": "server:1", "resources": limits,
        "env_from": [{"config_map_ref": {"name": config.metadata.name}}], "ports": [{"container_port": 8080}]}]}
    k8s.apps.v1.Deployment("churn", metadata={"name": "churn", "namespace": space.metadata.name},
        spec={"replicas": 2, "selector": {"match_labels": app}, "template": {"metadata": {"labels": app}, "spec": pod}})
    k8s.apiextensions.CustomResource("route", api_version="gateway.networking.k8s.io/v1", kind="HTTPRoute",
        metadata={"name": "churn"}, spec={"rules": [{"backendRefs": [{"name": "churn", "port": 8080, "weight": 90}]}]})
"""


def kubernetes() -> dict[str, Any]:
    """What `pulumi up` of `KUBERNETES` leaves: automatic names, the default namespace, floats, live objects."""
    auto = {"pulumi.com/autonamed": "true"}
    app = {"app": "churn"}
    container = {
        "envFrom": [{"configMapRef": {"name": "settings-0a1b2c3d"}}],
        "image": "server:1",
        "name": "server",
        "ports": [{"containerPort": 8080.0}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    }
    live = {"uid": "8f1d", "resourceVersion": "77", "managedFields": [], "creationTimestamp": "2026-01-01T00:00:00Z"}
    token = {SIGNATURE: SECRET, "plaintext": json.dumps("sesame-token")}
    deployment = {
        "replicas": 2.0,
        "selector": {"matchLabels": app},
        "template": {"metadata": {"labels": app}, "spec": {"containers": [container]}},
    }
    space = {"name": "models-11aa22bb", "annotations": auto, "labels": {"team": "ml"}}
    settings = {"name": "settings-0a1b2c3d", "namespace": "models-11aa22bb", "annotations": auto}
    return state_of(
        default_provider("kubernetes", "4.24.0", {}),
        entry(
            "kubernetes:core/v1:Namespace::models",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": space},
            {"metadata": {**space, **live}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}},
        ),
        entry(
            "kubernetes:core/v1:ConfigMap::settings",
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"level": "info"}, "metadata": settings},
            {"metadata": {**settings, **live}, "immutable": None},
        ),
        entry(
            "kubernetes:core/v1:Secret::token",
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": "token",
                    "namespace": "default",
                    "labels": {"app.kubernetes.io/managed-by": "pulumi"},
                },
                "stringData": {"token": token},
            },
        ),
        entry(
            "kubernetes:apps/v1:Deployment::churn",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "churn", "namespace": "models-11aa22bb"},
                "spec": deployment,
            },
            {"spec": {**deployment, "revisionHistoryLimit": 10, "strategy": {}}, "status": {"readyReplicas": 2}},
        ),
        entry(
            "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute::route",
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": "churn", "namespace": "default"},
                "spec": {"rules": [{"backendRefs": [{"name": "churn", "port": 8080, "weight": 90}]}]},
            },
        ),
    )


GCP = """
    import pulumi
    import pulumi_gcp as gcp

    class Store(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("acme:index:Store", name, {"purpose": "models"})
            owned = pulumi.ResourceOptions(parent=self, aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)])
            self.bucket = gcp.storage.Bucket(name, location="EU", uniform_bucket_level_access=True,
                labels={"team": "ml"}, versioning={"enabled": True}, opts=owned)
            self.register_outputs({"url": self.bucket.url})

    store = Store("store")
    account = gcp.serviceaccount.Account("server", account_id="server", display_name="Model server")
    gcp.storage.BucketIAMMember("reads", bucket=store.bucket.name, role="roles/storage.objectViewer",
        member=account.email.apply(lambda email: f"serviceAccount:{email}"))
    pulumi.export("url", store.bucket.url)
"""


def gcp() -> dict[str, Any]:
    """What `pulumi up` of `GCP` left before the bucket had a parent."""
    email = "server@acme.iam.gserviceaccount.com"
    return state_of(
        default_provider("gcp", "9.3.0", {"project": "acme"}),
        {
            **entry("acme:index:Store::store", {"purpose": "models"}, {"url": "gs://store-99ff"}),
            "custom": False,
            "id": None,
        },
        entry(
            "gcp:storage/bucket:Bucket::store",
            {
                "__defaults": ["forceDestroy", "name", "project", "storageClass"],
                "forceDestroy": False,
                "labels": {"__defaults": [], "team": "ml"},
                "location": "EU",
                "name": "store-99ff",
                "project": "acme",
                "storageClass": "STANDARD",
                "uniformBucketLevelAccess": True,
                "versioning": {"__defaults": [], "enabled": True},
            },
            {
                "url": "gs://store-99ff",
                "selfLink": "https://storage.invalid/store-99ff",
                "effectiveLabels": {"team": "ml", "goog-pulumi-provisioned": "true"},
                "pulumiLabels": {SIGNATURE: SECRET, "plaintext": '{"team":"ml"}'},
                "softDeletePolicy": {"retentionDurationSeconds": 604800.0},
                "autoclass": None,
                "projectNumber": 1.23456789012e11,
            },
            id="store-99ff",
        ),
        entry(
            "gcp:serviceaccount/account:Account::server",
            {"__defaults": ["project"], "accountId": "server", "displayName": "Model server", "project": "acme"},
            {"email": email, "member": f"serviceAccount:{email}", "uniqueId": "1"},
        ),
        entry(
            "gcp:storage/bucketIAMMember:BucketIAMMember::reads",
            {
                "__defaults": [],
                "bucket": "store-99ff",
                "member": f"serviceAccount:{email}",
                "role": "roles/storage.objectViewer",
            },
            {"etag": "CAE=", "condition": None},
        ),
        pending_operations=[
            {"type": "creating", "resource": entry("gcp:storage/bucket:Bucket::never", {"location": "EU"}, id="")}
        ],
    )


def changes(made: Plan) -> dict[str, Change]:
    """What changes or cannot be told, by name."""
    assert made.diff is not None
    told = (each for each in made.diff.changes if each.action is not Action.SAME or each.unclear)
    return {each.urn.rpartition("::")[2]: each for each in told}


@pytest.fixture(autouse=True)
def one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of one round, and the passphrase that keeps them."""
    monkeypatch.setattr(secrets, "ITERATIONS", 1)
    monkeypatch.setenv(secrets.PASSPHRASE_VARIABLE, PHRASE)
    monkeypatch.delenv(secrets.PASSPHRASE_FILE_VARIABLE, raising=False)
    secrets._derive.cache_clear()


def planned_aws(write: Write, program: str = AWS) -> tuple[Path, dict[str, Any]]:
    folder = write(program, stack="config: {written:word: sesame-open}\n")
    return folder, aws(folder, secrets.create(PHRASE))


def test_aws(write: Write) -> None:
    """A bridged provider's state: no change, and nothing that cannot be told."""
    folder, state = planned_aws(write)

    made = plan(folder, "dev", state=state)

    assert changes(made) == {}
    assert made.diff is not None
    assert made.diff.counts["same"] == len(made.resources) == 9
    assert made.outputs == {"shared": "arn:aws:s3:::shared-bucket"}
    assert made.notes == ()


def test_aws_secrets_stay_closed_without_their_passphrase(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one property that holds one cannot be told, which the plan notes; another provider's secrets are the same."""
    folder, state = planned_aws(write)
    monkeypatch.delenv(secrets.PASSPHRASE_VARIABLE)
    cloud = copy.deepcopy(state)
    cloud["deployment"]["secrets_providers"] = {"type": "service", "state": {"url": "https://api.invalid"}}

    for closed in (state, cloud):
        made = plan(folder, "dev", state=closed)

        assert [(name, each.action, each.unclear) for name, each in changes(made).items()] == [
            ("scorer", Action.SAME, ("environment.variables.WORD",))
        ]
        assert made.notes[0].message.startswith("its secrets are closed")


@pytest.mark.parametrize(
    ("old", "new", "name", "path"),
    [
        ("deletion_window_in_days=30", "deletion_window_in_days=7", "key", "deletionWindowInDays"),
        ('{"Name": "store"}', '{"Name": "shop"}', "store", "tags.Name"),
        ('"aws:kms"', '"AES256"', "sealed", "rules[0].applyServerSideEncryptionByDefault.sseAlgorithm"),
        ('"s3:GetObject"', '"s3:*"', "may", "policy"),
        ('"WORD": word', '"WORD": "sesame-shut"', "scorer", "environment.variables.WORD"),
        ('StringAsset("a card")', 'StringAsset("another card")', "card", "source"),
        ('"lib": pulumi.FileArchive("lib")', '"lib": pulumi.FileArchive(".")', "scorer", "code"),
        ('{"tags": {"team": "ml"}}', '{"tags": {"team": "ops"}}', "west", "defaultTags.tags.team"),
    ],
)
def test_one_change_of_aws_is_the_only_one(write: Write, old: str, new: str, name: str, path: str) -> None:
    """By its path, whatever its kind."""
    assert old in AWS
    folder, state = planned_aws(write, AWS.replace(old, new))

    made = plan(folder, "dev", state=state)

    assert {each: [d.path for d in change.properties] for each, change in changes(made).items()} == {name: [path]}
    assert "sesame-open" not in made.dumps()


def test_kubernetes(write: Write) -> None:
    """A native provider's state: no change, and nothing that cannot be told."""
    made = plan(write(KUBERNETES), "dev", state=kubernetes())

    assert changes(made) == {}
    assert made.diff is not None
    assert made.diff.counts["same"] == len(made.resources) == 5


@pytest.mark.parametrize(
    ("old", "new", "name", "path"),
    [
        ('"replicas": 2', '"replicas": 3', "churn", "spec.replicas"),
        ('"weight": 90', '"weight": 80', "route", "spec.rules[0].backendRefs[0].weight"),
        ('"sesame-token"', '"sesame-other"', "token", "stringData"),
        ('{"name": "token"}', '{"name": "token", "namespace": "ml"}', "token", "metadata.namespace"),
        ('"labels": {"team": "ml"}', '"labels": {"team": "ops"}', "models", "metadata.labels.team"),
    ],
)
def test_one_change_of_kubernetes_is_the_only_one(write: Write, old: str, new: str, name: str, path: str) -> None:
    """By its path."""
    assert old in KUBERNETES

    found = changes(plan(write(KUBERNETES.replace(old, new)), "dev", state=kubernetes()))

    assert {each: [d.path for d in change.properties] for each, change in found.items()} == {name: [path]}


def test_gcp(write: Write) -> None:
    """A component, an alias, automatic names and a pending operation: no change; what is pending is noted."""
    made = plan(write(GCP), "dev", state=gcp())

    assert changes(made) == {}
    assert made.diff is not None
    assert made.diff.counts["same"] == len(made.resources) == 4
    assert made.outputs == {"url": "gs://store-99ff"}
    assert [note.message for note in made.notes] == [
        "a run was ended while creating it; what became of it is not recorded"
    ]


def test_a_component_with_other_inputs_is_updated(write: Write) -> None:
    """As Pulumi does: its inputs are recorded too."""
    found = changes(plan(write(GCP.replace('"purpose": "models"', '"purpose": "data"')), "dev", state=gcp()))

    assert [(name, each.action, each.may_replace) for name, each in found.items()] == [("store", Action.UPDATE, False)]


def test_tainted_and_half_made_resources_change(write: Write) -> None:
    """One that is marked for replacement is replaced, one that never worked is updated, one half replaced created."""
    state = gcp()
    marks = {"server": {"taint": True}, "reads": {"initErrors": ["denied"]}, "store": {"pendingReplacement": True}}
    for resource in state["deployment"]["resources"]:
        if resource["custom"]:
            resource.update(marks.get(resource["urn"].rpartition("::")[2], {}))
    state |= {"version": 4, "features": ["taint", "views"]}
    view = entry("gcp:storage/bucket:View::view", {}, viewOf=f"{PREFIX}gcp:storage/bucket:Bucket::store")
    state["deployment"]["resources"].append(view)

    found = changes(plan(write(GCP), "dev", state=state))

    assert {name: each.action for name, each in found.items()} == {
        "server": Action.REPLACE,
        "reads": Action.UPDATE,
        "store": Action.CREATE,
    }


def test_a_stack_file_of_a_folder_backend_is_read_too(write: Write, tmp_path: Path) -> None:
    """`.pulumi/stacks/<project>/<stack>.json`, as well as an export."""
    path = tmp_path / "dev.json"
    path.write_text(json.dumps({"version": 3, "checkpoint": {"stack": "dev", "latest": gcp()["deployment"]}}))

    assert changes(plan(write(GCP), "dev", state=exported.read(path))) == {}


DEEP = f'{{"version": 3, "deployment": {{"manifest": {"[" * 400}{"]" * 400}}}}}'
BARE = '{"version": 3, "deployment": {"resources": [{"urn": 5}]}}'


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 9}', '{"version": 3, "deployment": 5}', DEEP, BARE, "[" * 9_999]
)
def test_a_file_that_holds_no_state_is_one_message(tmp_path: Path, content: str) -> None:
    """With the file and what to do."""
    path = tmp_path / "state.json"
    path.write_text(content)

    with pytest.raises(StateError, match=str(path)):
        exported.read(path)


def test_defaults_that_are_no_names_are_none(write: Write) -> None:
    """What a damaged state lists as filled in by the provider is not taken for names."""
    state = gcp()
    for resource in state["deployment"]["resources"]:
        resource.setdefault("inputs", {})["__defaults"] = [{}, 5]

    assert plan(write(GCP), "dev", state=state).diff is not None


def test_a_number_that_json_has_no_word_for() -> None:
    """Pulumi writes infinity as its bits."""
    written = {SIGNATURE: "8ad145fe-0d11-4827-bfd7-1abcbf086f5c", "value": "7ff0000000000000"}

    assert from_wire([written]) == [float("inf")]
    assert to_json({"found": from_wire([written])}) == {"found": ["inf"]}
    with pytest.raises(StateError, match="a number of the state is damaged"):
        from_wire({**written, "value": "seven"})
