"""The page in a real browser: one talks, sees what is remembered and why, and changes it."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.servers.browser import PHONE, OpenPage, axe, findings, open_page, say
from tests.support.servers.dev_server import token
from tests.support.servers.serve_process import serve_process

__all__ = ["axe", "open_page"]

pytestmark = [pytest.mark.deep, pytest.mark.timeout(400)]

HOSTILE = (
    '<script>document.title = "taken"</script><img src=x onerror="document.title=1"> '
    '<a href="javascript:alert(1)">x</a> \u202egnp.exe \x1b[31mred ' + "long " * 300
)
SHORT = {"MNEMO_FOLD_TURNS": "4", "MNEMO_EXTRACT_TURNS": "1"}


async def test_one_talks_sees_an_episode_with_its_evidence_and_changes_facts(
    tmp_path: Path, open_page: OpenPage, axe: str
) -> None:
    with serve_process(cwd=tmp_path, **SHORT) as server:
        async with open_page(f"{server.url}/inspector") as page:
            await expect(page.locator(".note")).to_contain_text("offline model")
            for message in ("I live in Boston.", "My dog is called Biscuit.", "I like rye bread.",
                            "I work at a bakery.", "I sail boats."):  # fmt: skip
                await say(page, message)
            await say(page, "What is my dog called?")
            await expect(page.locator("#transcript p.assistant").last).to_contain_text("Biscuit")
            await expect(page.locator(".bar").first).to_be_visible()
            episode = page.locator("details.episode").first
            await episode.locator("summary").click()
            await expect(episode.locator("p.user").first).to_be_visible()

            today = page.locator(".timeline > li")
            await expect(today).to_have_count(1)
            await expect(today).to_contain_text("6 turns, 5 facts")
            await expect(today).to_contain_text("I live in Boston.")

            fact = page.locator("form.fact", has_text="Boston").first
            await fact.locator("textarea").fill("I live in Denver.")
            await fact.get_by_role("button", name="Save").click()
            await expect(page.locator("#facts")).to_contain_text("Denver")
            bakery = page.locator("form.fact", has_text="bakery").first
            await bakery.get_by_role("button", name="Delete").click()
            await expect(page.locator("form.fact", has_text="bakery")).to_have_count(0)

            await page.fill("#q", "dog")
            await expect(page.locator("#found")).to_contain_text("Biscuit")
            assert await findings(page, axe) == []
            await page.emulate_media(color_scheme="dark")
            assert await findings(page, axe) == []
            await page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a dict
            wider = await page.locator("html").evaluate("e => e.scrollWidth > e.clientWidth")
            assert not wider
            assert await findings(page, axe) == []


async def test_what_is_exported_comes_back_after_a_reset(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with serve_process(cwd=tmp_path, **SHORT) as server:
        async with open_page(f"{server.url}/inspector?user=noa") as page:
            await say(page, "הכלב שלי נקרא ביסקוויט")
            line = page.locator("#transcript p.user").first
            assert await line.evaluate("e => getComputedStyle(e).direction") == "rtl"
            async with page.expect_download() as download:
                await page.click("#export")
            kept = tmp_path / "kept.jsonl"
            await (await download.value).save_as(kept)
            await page.click("#reset")
            await expect(page.locator("#transcript")).to_contain_text("Nothing was said yet")
            await page.set_input_files("#import", kept)
            await expect(page.locator("#transcript")).to_contain_text("ביסקוויט")


async def test_hostile_memories_do_nothing_but_look_like_text(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with serve_process(cwd=tmp_path, **SHORT) as server:
        async with open_page(f"{server.url}/inspector") as page:
            for number in range(6):
                await say(page, f"I like this {number}: {HOSTILE}")
            await page.reload()
            await expect(page.locator("#transcript p.user").last).to_contain_text("<script>")
            await expect(page).to_have_title("Mnemograph: what is remembered")
            assert await page.locator("main a, main img, main script").count() == 0


async def test_with_tokens_on_nothing_is_shown_before_one_signs_in(
    tmp_path: Path, open_page: OpenPage
) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    with serve_process(cwd=tmp_path, MNEMO_AUTH_SECRET=secret, **SHORT) as server:
        async with open_page(f"{server.url}/inspector") as page:
            await expect(page.locator("#sign-in")).to_be_visible()
            await page.fill("#token", "nonsense")
            await page.keyboard.press("Enter")
            await expect(page.locator("#sign-in-error")).to_contain_text("token")
            await page.fill("#token", token("alex", secret=secret))
            await page.keyboard.press("Enter")
            await expect(page.locator("#sign-in")).to_be_hidden()
            await say(page, "I live in Boston.")
            await expect(page.locator("#transcript p.user")).to_contain_text("Boston")
