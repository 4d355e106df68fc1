"""The page of all explanations."""

from eventlab.explain import page, registry, why


def test_the_page_is_current():
    assert page.PATH.read_text() == page.markdown(), (
        "run: eventlab explanations > lib/eventlab/explain/EXPLANATIONS.md"
    )


def test_every_explanation_has_a_cause_and_a_remedy():
    for function in [*registry.explanations(), *why.SILENCES]:
        cause, remedy = page.cause_and_remedy(function)

        assert cause.endswith("."), function
        assert remedy.endswith("."), function
