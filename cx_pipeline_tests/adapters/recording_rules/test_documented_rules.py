"""The example of a rules file in the documents is one that works."""

import re
from pathlib import Path

from cx_pipeline.adapters.recording_rules.yaml_file import read_rules_file
from cx_pipeline_tests.architecture.source_tree import REPOSITORY


def test_the_documented_example_is_a_set_of_rules(tmp_path: Path):
    text = (REPOSITORY / "docs" / "recording-rules.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "rules.yaml"
    file.write_text(example, encoding="utf-8")
    tenant = read_rules_file(file).of("acme")
    assert [rule.rule_id for rule in tenant.rules] == ["nights", "sales", "half-of-8002"]
    assert tenant.time_zone == "Europe/Zurich"
