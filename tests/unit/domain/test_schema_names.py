"""What models are called in published documents."""

from typing import Literal

import pytest
from pydantic import BaseModel, create_model

from qontract.domain.schema_names import SchemaNames, camel_case


def model(name: str, module: str = "acme.things") -> type[BaseModel]:
    return create_model(name, __module__=module)


def names_of(names: SchemaNames, *models: type[BaseModel], always: bool = False) -> list[str]:
    """Return the names under which a document defines the models, in their order."""
    generator = names.generator("Acme", always=always)(ref_template="{model}")
    mode: Literal["validation"] = "validation"
    inputs = [(number, mode, one.__pydantic_core_schema__) for number, one in enumerate(models)]
    schemas, _ = generator.generate_definitions(inputs)
    return [str(schemas[number, mode]["$ref"]) for number in range(len(models))]


def test_a_model_of_ours_is_called_as_its_class_and_one_of_others_has_a_prefix_if_the_name_is_taken() -> None:
    names = SchemaNames()
    ours, theirs, free = model("Job", "qontract.domain.jobs"), model("Job"), model("Thing")
    assert names_of(names, ours, theirs, free) == ["Job", "AcmeJob", "Thing"]
    assert names_of(names, theirs, ours) == ["AcmeJob", "Job"], "a name stays"


def test_two_models_of_ours_with_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two schemas are called Job; one of them is qontract"):
        names_of(SchemaNames(), model("Job", "qontract.domain.jobs"), model("Job", "qontract.other"))


def test_others_get_the_name_of_their_module_and_then_a_number_before_two_share_one() -> None:
    made = [model("Job") for _ in range(4)]
    assert names_of(SchemaNames(), *made) == ["Job", "AcmeJob", "acme_things_Job", "acme_things_Job_2"]
    assert names_of(SchemaNames(taken=["AcmeJob"]), *made[:1], always=True) == ["acme_things_Job"]


def test_the_beginning_of_a_name_is_in_camel_case() -> None:
    assert [camel_case(name) for name in ("acme-things", "com.acme.things")] == ["AcmeThings", "ComAcmeThings"]
