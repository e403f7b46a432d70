"""The page in a real browser: a principle is typed and the order changes; its contrary turns it."""

from importlib.util import find_spec

import pytest

from tests.browser import needs_browser, new_page
from tests.play.served import LONG, SCRIPT, SHORT, served

pytestmark = pytest.mark.slow


@pytest.mark.skipif(find_spec("gradio") is None, reason="not installed: gradio")
@needs_browser
def test_a_typed_principle_orders_the_answers_and_its_contrary_turns_them() -> None:
    with served() as address, new_page() as page:
        errors: list[str] = []
        elsewhere: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: elsewhere.append(request.url))
        page.goto(address)
        page.locator("#prompt").locator("textarea, input").fill("Name a fish.")
        page.locator("#answer").click()
        first = page.locator("#ranking .play-row .play-text").first
        first.wait_for()

        def order() -> list[str]:
            return page.locator("#ranking .play-row .play-text").all_inner_texts()

        assert any(SCRIPT in text for text in order()), "shown as text"
        box = page.locator("#principle-1").locator("textarea, input")
        box.press_sequentially("Use a list.", delay=20)
        page.locator("#ranking q", has_text="Use a list.").wait_for()
        assert order()[0] == LONG
        page.locator("#side-1").get_by_text("against", exact=True).click()
        page.locator("#ranking q", has_text="Avoid a list.").wait_for()
        assert SHORT in order()[:2] and order()[-1] == LONG
        assert "never measured" in page.locator("#about").inner_text()
        assert page.title() == "salmon play"
        assert errors == []
        assert [url for url in elsewhere if not url.startswith((address, "data:", "blob:"))] == []
