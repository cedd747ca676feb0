"""docs/clearport/README.md names every setting and default, metric, call and error there is."""

import re
from types import SimpleNamespace

import grpc
from google.rpc import error_details_pb2
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from clearing.chain.errors import ChainError
from clearing.chain.project import project_root
from clearing.channel.errors import CodecError
from clearing.clearport import errors
from clearing.clearport.api import status
from clearing.clearport.api.scopes import SCOPES
from clearing.clearport.core.refusals import Code
from clearing.clearport.daemon.config import Config
from clearing.clearport.daemon.gauges import gauges_of
from clearing.clearport.daemon.meters import Meters
from clearing.clearport.daemon.metrics import registry_of
from clearing.clearport.signer import settings
from clearing.clearport.watchtower import metrics as tower_metrics
from clearing.client.errors import ClientError
from clearing.operator.v1 import operator_pb2 as pb
from clearing.spec.errors import SpecError

PAGE = (project_root() / "docs/clearport/README.md").read_text(encoding="utf-8")
ROWS = {
    name: [cell.strip() for cell in rest.split("|")]
    for name, rest in re.findall(r"^\| `([^`|]+)`[^|]*\|(.*)\|$", PAGE, re.MULTILINE)
}


def inner_of(annotation):
    """Return the model in a type, None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = inner_of(part)
        if found is not None:
            return found
    return None


def fields_of(model, prefix="", given=None):
    """Yield path and default of each field; a table is walked, and named if it may be left out.

    `given` is what stands for the whole table where it is left out.
    """
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        inner = inner_of(field.annotation)
        if inner is None or field.annotation is not inner:
            yield path, default_of(field, getattr(given, name, PydanticUndefined))
        if inner is not None:
            yield from fields_of(inner, f"{path}.", field.default)


def default_of(field, given):
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        default = given
    if default is PydanticUndefined:
        return "–"
    if default is None:
        return "none"
    if isinstance(default, BaseModel):
        return type(default).__name__
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_configuration__every_field__is_there_with_its_default():
    told = {path: ROWS[path][0] if path in ROWS else "missing" for path, _ in fields_of(Config)}

    assert told == dict(fields_of(Config))


def test_key_table__every_field__is_there():
    kinds = (settings.KeystoreSettings, settings.Pkcs11Settings, settings.KmsSettings)
    for kind in kinds:
        (backend,) = kind.model_fields["backend"].annotation.__args__
        named = set(re.findall(r"`(\w+)`", ROWS[backend][-1]))
        assert named >= kind.model_fields.keys() - {"backend"}, backend


class Anything:
    """Stands for what gauges ask when somebody looks; here nobody does."""

    def __getattr__(self, name):
        return Anything()


def sample_names(registry):
    """Return the names by which Prometheus knows what a registry holds."""
    for metric in registry.collect():
        yield f"{metric.name}_total" if metric.type == "counter" else metric.name


def test_metrics__every_one_of_the_daemon_and_the_tower__is_there():
    gauges = gauges_of(Anything(), Anything())
    known = {f"clearport_{name}" for name in (*gauges.values, *gauges.labelled)}
    known |= set(sample_names(registry_of(Meters(), type(gauges)({}, {}))))
    known |= set(sample_names(tower_metrics.registry_of(EmptyTower())))

    named = {name for name in ROWS if name.startswith(("clearport_", "watchtower_"))}
    assert named == known


class EmptyTower:
    """A tower that guards nothing."""

    n_answers = 0
    states = ()

    watcher = SimpleNamespace(lag_s=0.0, block_number=0)

    def lags(self):
        return {}


def test_calls__every_method__is_there_with_its_scope():
    methods = [method.name for method in pb.DESCRIPTOR.services_by_name["Operator"].methods]
    assert set(methods) == SCOPES.keys()

    for method, scope in SCOPES.items():
        rows = (line for line in PAGE.splitlines() if line.startswith("| `"))
        row = next(line for line in rows if f"`{method}`" in line)
        assert row.split("|")[2].strip() == ("none" if scope is None else scope.value), method
        is_enveloped = "✉" in row.split("|")[1]
        input_type = pb.DESCRIPTOR.services_by_name["Operator"].methods_by_name[method].input_type
        assert is_enveloped == (input_type.name == "Envelope"), method


def test_errors__every_code__is_there_with_its_status():
    class Log:
        def error(self, event, **fields):
            raise AssertionError(event, fields)

    for kind in status.CODES:
        error = kind(b"") if kind is errors.RepeatedError else kind("problem", "fix")
        assert status.code_of(error).name in ROWS[kind.code][0], kind.code
    others = (SpecError("A"), CodecError("a", "b", "c"), ClientError("a"), ChainError("a", "b"))
    for error in others:
        told = status.status_of(error, Log())
        info = error_details_pb2.ErrorInfo()
        assert told.details[0].Unpack(info)
        assert grpc.StatusCode[ROWS[info.reason][0]].value[0] == told.code, info.reason
    assert "CHAIN_REFUSED" in ROWS


def test_refusals__every_code__is_there():
    assert [code for code in Code if f"`{code}`" not in PAGE] == []
