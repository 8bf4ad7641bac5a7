"""How examples are looked for: always the same few, or TFCLI_EXAMPLES=2000 others each time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.properties.promises import EXAMPLES

settings.register_profile(
    "few",
    derandomize=True,
    database=None,
    deadline=None,  # `comes_back` ends what takes too long, not only afterwards
    # The folders of fixtures are written anew by each example, or not at all.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("few"), derandomize=False, print_blob=True)
settings.load_profile("thorough" if EXAMPLES else "few")
