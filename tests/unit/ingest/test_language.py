import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.language import language

TEXTS = {
    "en": "The pump was stopped by the operator when the bearing became hot, and it has not been started again since then.",
    "de": "Die Pumpe wurde vom Bediener abgestellt, als das Lager heiß war, und sie ist seither nicht wieder angefahren worden.",
    "es": "La bomba fue parada por el operador cuando el rodamiento estaba caliente, y no se ha puesto en marcha desde entonces.",
    "fr": "La pompe a été arrêtée par l'opérateur quand le roulement était chaud, et elle n'est pas remise en marche depuis ce jour.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_each_language_is_told_by_one_sentence(code):
    assert language(TEXTS[code]) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P-101 VIB 7.1 mm/s; P-102 VIB 6.4 mm/s",
        "Het water in de tank staat veel hoger dan gisteren omdat iemand vergat om kleppen dicht te draaien.",
        "Насос остановлен оператором, подшипник перегрет.",
        TEXTS["en"] + TEXTS["de"],
    ],
)
def test_what_is_not_plain_is_not_told(text):
    assert language(text) == ""


@given(st.text())
def test_any_text_has_at_most_one_of_the_four(text):
    assert language(text) in ("", "en", "de", "es", "fr")
