"""Import-linter contract: a package may import itself, what is below it and a short list, no more.

A list of what is allowed cannot go stale the way a list of what is forbidden does.
"""

from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

__all__ = ["OnlyImports"]


class OnlyImports(Contract):
    """Every outside module that `source` or its descendants import directly is in `allowed`."""

    source = fields.StringField()
    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 (the library's signature)
        """Collect the imports that are not allowed; `verbose` has nothing to add."""
        del verbose
        source = str(self.source)
        root = source.partition(".")[0]
        allowed = cast("set[str]", self.allowed)
        broken = [
            (module, imported)
            for module in sorted({source} | graph.find_descendants(source))
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if imported.partition(".")[0] not in allowed | {root}
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per import that is not allowed."""
        for module, imported in check.metadata["broken"]:
            output.print_error(
                f"{module} imports {imported}, which is not in its list of allowed modules"
            )
