"""The OpenAPI document: with the schemas of what each installed integration takes."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from qontract.application.ports.integration import AnyIntegration
from qontract.domain.schema_names import REF_TEMPLATE, SchemaNames, camel_case
from qontract.entrypoints.api.reconcile import path

log = logging.getLogger(__name__)


def add_desired_states(app: FastAPI, integrations: Sequence[type[AnyIntegration]]) -> None:
    """Make the application's document say what each integration takes.

    qontract's own models have the names of their classes. Those of a package begin with the integration's name,
    `AcmeThingsDesiredState`: two packages may have classes of one name.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            app.openapi_schema = None  # it is not whole yet
            schemas = document["components"]["schemas"]
            names = SchemaNames(taken=schemas)
            for integration in sorted(integrations, key=_ours_first):
                body, more = _schemas(integration, names)
                schemas |= more
                document["paths"][path(integration.name)]["post"]["requestBody"] = {
                    "required": True,
                    "content": {"application/json": {"schema": body}},
                }
            document["components"]["schemas"] = dict(sorted(schemas.items()))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI's manual says


def _ours_first(integration: type[AnyIntegration]) -> tuple[bool, str]:
    return not _ours(integration), integration.name


def _ours(integration: type[AnyIntegration]) -> bool:
    return integration.desired.__module__.startswith("qontract.")


def _schemas(integration: type[AnyIntegration], names: SchemaNames) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the schema of the body, and the schemas that it needs; of a package that has none, any object."""
    model = integration.desired
    try:
        found, schemas = models_json_schema(
            [(model, "validation")],
            ref_template=REF_TEMPLATE,
            schema_generator=names.generator(camel_case(integration.name), always=True),
        )
    except Exception:
        if _ours(integration):
            raise
        log.warning("desired state has no schema", extra={"integration": integration.name}, exc_info=True)
        return {"type": "object"}, {}
    return found[model, "validation"], schemas.get("$defs", {})
