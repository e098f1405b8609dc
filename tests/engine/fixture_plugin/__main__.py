"""The provider plugin `fixture`: resources whose effects a test can see, and faults that a test can ask for.

- `fixture:index:File` writes `content` into `path`. Replaced, old one deleted first, when `path` changes.
- `fixture:index:Process` is a process that sleeps under the title `tag`. A new `version` replaces it, new one first;
  with `exclusive`, old one first.
- `fixture:index:Fault` fails in the verb `fail`, dies in the verb `die`, or is only half made (`half`).

Every effect is a line of `effects.log` in the folder of the program.
"""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
REPLACES = {"File": {"path"}, "Process": {"version", "after"}, "Fault": {"identity"}}
SLEEP = "import sys, time; time.sleep(600)"


def plain(value):
    if isinstance(value, dict):
        return plain(value["value"]) if value.get(SIGNATURE) == SECRET else {k: plain(v) for k, v in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def read(struct):
    return json_format.MessageToDict(struct)


def write(properties):
    struct = struct_pb2.Struct()
    struct.update(properties)
    return struct


def secret_if(source, value):
    return {SIGNATURE: SECRET, "value": value} if isinstance(source, dict) and SIGNATURE in source else value


def effect(verb, urn):
    descriptor = os.open("effects.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{verb} {urn.rsplit('::', 1)[-1]}\n".encode())
    os.close(descriptor)


def running(tag):
    """The processes of that title."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cmdline").read_bytes().split(b"\0")[3:4] == [tag.encode()] and state_of(entry) != "Z":
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def state_of(entry):
    return (entry / "stat").read_text().rpartition(")")[2].split()[0]


class File:
    @staticmethod
    def create(inputs):
        Path(plain(inputs)["path"]).write_text(str(plain(inputs).get("content", "")))
        return plain(inputs)["path"], File.outputs(inputs)

    @staticmethod
    def outputs(inputs):
        size = len(str(plain(inputs).get("content", "")))
        return {**inputs, "size": secret_if(inputs.get("content"), size)}

    @staticmethod
    def read(id_, inputs):
        try:
            text = Path(id_).read_text()
        except FileNotFoundError:
            return None
        if text == str(plain(inputs).get("content", "")):
            return inputs, File.outputs(inputs)
        found = {**inputs, "path": id_, "content": text}
        return found, File.outputs(found)

    @staticmethod
    def delete(id_, inputs):
        Path(id_).unlink(missing_ok=True)


class Process:
    @staticmethod
    def create(inputs):
        given = plain(inputs)
        tag = given["tag"] + "-" + str(given["version"])
        found = running(tag)
        if not found:
            started = subprocess.Popen(
                [sys.executable, "-c", SLEEP, tag],
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            found = [started.pid]
        return tag, {**inputs, "pid": found[0], "where": f"here:{tag}"}

    @staticmethod
    def read(id_, inputs):
        found = running(id_)
        return (inputs, {**inputs, "pid": found[0], "where": f"here:{id_}"}) if found else None

    @staticmethod
    def delete(id_, inputs):
        for pid in running(id_):
            os.kill(pid, signal.SIGKILL)
        while running(id_):
            time.sleep(0.01)


class Fault:
    @staticmethod
    def create(inputs):
        return "fault", dict(inputs)

    @staticmethod
    def read(id_, inputs):
        return inputs, dict(inputs)

    @staticmethod
    def delete(id_, inputs):
        return None


KINDS = {"File": File, "Process": Process, "Fault": Fault}


def kind_of(request):
    return request.type.rsplit(":", 1)[-1]


def faults(request, inputs, verb, context):
    given = plain(inputs)
    time.sleep(float(given.get("slow", 0)))
    if given.get("die") == verb:
        os.kill(os.getpid(), signal.SIGKILL)
    if given.get("fail") == verb:
        sys.stderr.write("a line for the log\n")
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"cannot {verb} with {given.get('word', 'this')}")
    if given.get("half") == verb:
        half = provider_pb2.ErrorResourceInitFailed(id="half", properties=write(inputs), reasons=["never healthy"])
        status = status_pb2.Status(code=2, message="half made")
        status.details.add().Pack(half)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, "half made")


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")

    def Cancel(self, request, context):
        return empty_pb2.Empty()

    def GetSchema(self, request, context):
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "fixture", "version": "1.0.0"}))

    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request, context):
        self.greeting = plain(read(request.args)).get("greeting", "")
        if self.greeting == "refuse":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this greeting is refused")
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request, context):
        news, olds = read(request.news), read(request.olds)
        failures = []
        if plain(news).get("fail") == "check":
            failures = [provider_pb2.CheckFailure(property="fail", reason="must not be check")]
        if kind_of(request) == "File" and "path" not in news:
            news["path"] = olds.get("path") or f"{request.name}-{request.randomSeed.hex()[:8]}.txt"
        return provider_pb2.CheckResponse(inputs=write(news), failures=failures)

    def Diff(self, request, context):
        old, new = plain(read(request.old_inputs)), plain(read(request.news))
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        replaces = changed & REPLACES[kind_of(request)]
        first = kind_of(request) == "File" or bool(new.get("exclusive"))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some, diffs=sorted(changed), replaces=sorted(replaces), deleteBeforeReplace=first
        )

    def Create(self, request, context):
        inputs = read(request.properties)
        faults(request, inputs, "create", context)
        id_, outputs = KINDS[kind_of(request)].create(inputs)
        outputs["greeting"] = self.greeting
        effect("create", request.urn)
        return provider_pb2.CreateResponse(id=id_, properties=write(outputs))

    def Read(self, request, context):
        faults(request, read(request.inputs), "read", context)
        found = KINDS[kind_of(request)].read(request.id, read(request.inputs))
        if found is None:
            return provider_pb2.ReadResponse()
        inputs, outputs = found
        outputs["greeting"] = self.greeting
        id_ = plain(inputs).get("renamed", request.id)
        return provider_pb2.ReadResponse(id=id_, inputs=write(inputs), properties=write(outputs))

    def Update(self, request, context):
        inputs = read(request.news)
        faults(request, inputs, "update", context)
        _, outputs = KINDS[kind_of(request)].create(inputs)
        outputs["greeting"] = self.greeting
        effect("update", request.urn)
        return provider_pb2.UpdateResponse(properties=write(outputs))

    def Delete(self, request, context):
        inputs = read(request.old_inputs)
        faults(request, inputs, "delete", context)
        KINDS[kind_of(request)].delete(request.id, inputs)
        effect("delete", request.urn)
        return empty_pb2.Empty()

    def Invoke(self, request, context):
        args = read(request.args)
        return provider_pb2.InvokeResponse(**{"return": write({"text": f"{self.greeting}{args.get('text', '')}"})})


def main():
    server = grpc.server(futures.ThreadPoolExecutor(32))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


main()
