"""The page in a real browser: one talks, sees what is remembered and why, and changes it."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.support.servers.browser import PHONE, OpenPage, axe, findings, open_page, say
from tests.support.servers.dev_server import token
from tests.support.servers.openai_server import Fault, OpenAIServer, Reply
from tests.support.servers.serve_process import serve_process

__all__ = ["axe", "open_page"]

pytestmark = [pytest.mark.deep, pytest.mark.timeout(400)]

HOSTILE = (
    '<script>document.title = "taken"</script><img src=x onerror="document.title=1"> '
    '<svg onload="document.title=2"></svg></textarea></option><iframe src="javascript:alert(1)"> '
    '<a href="javascript:alert(1)">x</a> [x](javascript:alert(1)) \u202egnp.exe \x1b[31mred '
)
SHORT = {"MNEMO_FOLD_TURNS": "4", "MNEMO_EXTRACT_TURNS": "1"}
CHARACTERS = """
[default]
name = "Assistant"
[nora]
name = "Nora"
greeting = "Hello, I am Nora."
"""


async def consent(page: Page, button: str) -> None:
    """Press a button and say yes to what the page asks."""
    await page.click(button)
    await page.click("#sure-yes")


def lengthen(exported: Path) -> None:
    """Let one of the messages of an export have 100,000 characters."""
    text = exported.read_text("utf-8")
    exported.write_text(text.replace("gnp.exe", "gnp.exe" + "long " * 20_000, 1), "utf-8")


async def test_one_talks_sees_an_episode_with_its_evidence_and_changes_facts(
    tmp_path: Path, open_page: OpenPage, axe: str
) -> None:
    with serve_process(cwd=tmp_path, **SHORT) as server:
        async with open_page(f"{server.url}/inspector") as page:
            await expect(page.locator(".note")).to_contain_text("OPENAI_API_KEY")
            assert await findings(page, axe) == []
            for message in ("I live in Boston.", "My dog is called Biscuit.", "I like rye bread.",
                            "I work at a bakery.", "Always answer in one line."):  # fmt: skip
                await say(page, message)
            await say(page, "What is my dog called?")
            await expect(page.locator("#transcript p.assistant").last).to_contain_text("Biscuit")
            await expect(page.locator(".recalled li").first).to_contain_text("Biscuit")
            await expect(page.locator(".bar").first).to_be_visible()
            episode = page.locator("details.episode").first
            await episode.locator("summary").click()
            await expect(episode.locator("p.user").first).to_be_visible()
            wishes = page.locator("[aria-labelledby=t-wishes]")
            await expect(wishes.locator("form.fact")).to_have_count(1)

            today = page.locator(".timeline > li")
            await expect(today).to_have_count(1)
            await expect(today).to_contain_text("6 turns, 5 facts")
            await expect(today).to_contain_text("I live in Boston.")

            fact = page.locator("form.fact", has_text="Boston").first
            await fact.locator("textarea").fill("I live in Denver.")
            await say(page, "I drink tea.")
            await expect(episode.locator("p.user").first).to_be_visible()
            await fact.get_by_role("button", name="Save").click()
            await expect(page.locator("#facts")).to_contain_text("Denver")
            bakery = page.locator("form.fact", has_text="bakery").first
            await bakery.get_by_role("button", name="Delete").click()
            await page.click("#sure-yes")
            await expect(page.locator("form.fact", has_text="bakery")).to_have_count(0)

            await page.fill("#q", "dog")
            await expect(page.locator("#found")).to_contain_text("Biscuit")
            assert await findings(page, axe) == []
            await page.emulate_media(color_scheme="dark")
            assert await findings(page, axe) == []
            await page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a dict
            await expect(page.locator("#send")).to_be_in_viewport(ratio=1)
            await expect(page.locator("#remembered")).to_be_hidden()
            for side in ("#chat", "#remembered"):
                beyond = "e => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight"
                assert not await page.locator("html").evaluate(beyond)
                assert await findings(page, axe) == []
                await page.locator(f"{side} .jump").click()
            await expect(page.locator("#remembered")).to_be_hidden()


async def test_what_is_to_be_forgotten_leaves_the_page_when_one_says_so(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with serve_process(cwd=tmp_path, **SHORT) as server:
        async with open_page(f"{server.url}/inspector") as page:
            await say(page, "I live in Boston.")
            await say(page, "My dog is called Biscuit.")
            await expect(page.locator("form.fact")).to_have_count(2)
            await say(page, "Forget that I live in Boston.")
            await expect(page.locator("form.fact")).to_have_count(1)
            await expect(page.locator("#facts")).not_to_contain_text("Boston")
            await page.fill("#q", "Boston")
            await expect(page.locator("#found")).not_to_contain_text("I live in Boston.")


async def test_what_got_no_reply_is_sent_again_and_said_once(
    tmp_path: Path, open_page: OpenPage, openai_server: OpenAIServer
) -> None:
    model = {"OPENAI_BASE_URL": f"{openai_server.url}/v1", "MNEMO_CHAT_MODEL": "test-model"}
    with serve_process(cwd=tmp_path, **model) as server:
        async with open_page(f"{server.url}/inspector") as page:
            wrong, box = page.locator("#status.danger"), page.locator("#message")
            said = page.locator("#transcript p.user")
            for fault in (Fault(404, "it is broken"), Reply("one two three", cut_after=2)):
                openai_server.answers(fault)
                await box.fill("Are you there?")
                await box.press("Enter")
                await expect(wrong).to_contain_text("model server")
                await expect(box).to_have_value("Are you there?")
            openai_server.default = lambda body: Reply("slow words " * 40, delay=0.2)
            await box.press("Enter")
            await expect(page.locator("#transcript p.assistant")).to_contain_text("slow")
            server.process.kill()
            await expect(wrong).to_contain_text("not said twice")
            await box.press("Enter")
            await expect(wrong).to_contain_text("does not answer")
            await expect(box).to_have_value("Are you there?")
            port = server.url.rpartition(":")[2]
            openai_server.default = lambda body: Reply("Here I am.")
            with serve_process(cwd=tmp_path, port=port, **model):
                await say(page, "Are you there?")
                await page.reload()
                await expect(said).to_have_count(1)


async def test_what_waits_for_its_reply_is_shown_where_the_page_is_loaded_again(
    tmp_path: Path, open_page: OpenPage, openai_server: OpenAIServer
) -> None:
    model = {"OPENAI_BASE_URL": f"{openai_server.url}/v1", "MNEMO_CHAT_MODEL": "test-model"}
    with serve_process(cwd=tmp_path, **model) as server:
        async with open_page(f"{server.url}/inspector") as page:
            await say(page, "My dog is called Biscuit.")
            await page.click("#new-thread")
            openai_server.default = lambda body: Reply("slow words " * 40, delay=0.2)
            await page.fill("#message", "I like rye bread.")
            await page.press("#message", "Enter")
            await expect(page.locator("#transcript p.assistant")).to_contain_text("slow")
            await page.reload()
            said = page.locator("#transcript p.user")
            await expect(said).to_have_text(["You, not answered yet: I like rye bread."])
            await expect(page.locator("#thread option:checked")).to_contain_text("rye bread")
            thread = parse_qs(urlsplit(page.url).query)["thread"][0]
            foreign = f"{server.url}/inspector/blake/default/transcript?thread={thread}"
            assert "rye" not in await (await page.request.get(foreign)).text()
            openai_server.default = lambda body: Reply("Here I am.")
            await say(page, "Are you there?")
            await expect(page.locator("#transcript p.assistant")).to_have_text(["Here I am."])
            await page.reload()
            await expect(page.locator("#transcript .waiting")).to_have_count(0)
            await expect(said).to_have_count(2)


BREAKING = """
const whole = fetch;
window.fetch = async (...asked) => {
  const answer = await whole(...asked);
  if (!window.breaks || !answer.ok) return answer;
  return new Response(new ReadableStream({ pull: (body) => body.error(new TypeError("network")) }));
};
"""


async def test_an_answer_that_breaks_off_is_told_and_the_page_goes_on(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with serve_process(cwd=tmp_path) as server:
        async with open_page(f"{server.url}/inspector") as page:
            await say(page, "My dog is called Biscuit.")
            await page.add_init_script(BREAKING)
            await page.reload()
            await expect(page.locator("#transcript p.user")).to_have_count(1)
            for press in ("#export", "#q"):  # What is saved, and what is shown.
                await page.evaluate("window.breaks = true")
                await page.click(press)
                await page.keyboard.type("Biscuit")
                await expect(page.locator("#status.danger")).to_contain_text("does not answer")
                await page.evaluate("window.breaks = false")
                await say(page, "Is she well?")
                await expect(page.locator("#status.danger")).to_have_count(0)


async def test_one_chooses_whom_one_talks_with_and_in_which_conversation(
    tmp_path: Path, open_page: OpenPage
) -> None:
    (tmp_path / "characters.toml").write_text(CHARACTERS, "utf-8")
    with serve_process(cwd=tmp_path, MNEMO_CHARACTERS_FILE="characters.toml") as server:
        async with open_page(f"{server.url}/inspector") as page:
            said = page.locator("#transcript p.user")
            await page.get_by_role("button", name="My dog is called Biscuit.").click()
            await page.press("#message", "Enter")
            await expect(said).to_have_count(1)
            await page.wait_for_selector("#send:not([disabled])")
            await page.click("#new-thread")
            await expect(said).to_have_count(0)
            await say(page, "I like rye bread.")
            await expect(page.locator("#thread option:checked")).to_contain_text("rye bread")
            await page.select_option("#thread", index=0)
            await expect(said).to_have_count(2)
            await page.select_option("#thread", index=2)
            await expect(said).to_have_count(1)
            await expect(said).to_contain_text("Biscuit")
            await page.reload()
            await expect(said).to_have_count(1)
            await page.select_option("#character", label="Nora")
            await expect(page.locator("#transcript")).to_contain_text("Hello, I am Nora.")
            await expect(said).to_have_count(0)


FORM = """at => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: at });
  document.body.append(form);
  form.submit();
}"""


async def test_a_page_of_another_site_changes_nothing_here(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with serve_process(cwd=tmp_path) as server:
        async with open_page(f"{server.url}/inspector") as page:
            await say(page, "My dog is called Biscuit.")
            await page.goto("data:text/html,<h1>Nice cats</h1>")
            await page.evaluate(FORM, f"{server.url}/memory/local/default/reset")
            await expect(page.locator("body")).to_contain_text("MNEMO_CORS_ORIGINS")
            await page.goto(f"{server.url}/inspector")
            await expect(page.locator("#transcript p.user")).to_contain_text("Biscuit")


async def test_older_turns_come_as_one_scrolls_up(tmp_path: Path, open_page: OpenPage) -> None:
    with serve_process(cwd=tmp_path, **SHORT) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            for number in range(24):
                body = {"message": f"My number {number} is {number}."}
                await client.post("/chat/local/default", json=body)
        async with open_page(f"{server.url}/inspector") as page:
            said = page.locator("#transcript p.user")
            await expect(said).to_have_count(20)
            await page.locator("#scroll").evaluate("e => e.scrollTo(0, 0)")
            await expect(said).to_have_count(24)
            await expect(said.first).to_contain_text("My number 0")


async def test_what_is_exported_comes_back_after_a_reset(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with serve_process(cwd=tmp_path, **SHORT) as server:
        async with open_page(f"{server.url}/inspector?user=noa") as page:
            await say(page, "הכלב שלי נקרא ביסקוויט.")
            async with page.expect_download() as download:
                await page.click("#export")
            exported = tmp_path / "exported.jsonl"
            await (await download.value).save_as(exported)
            await consent(page, "#reset")
            await expect(page.locator("#memory")).to_contain_text("Nothing is remembered yet")
            await page.set_input_files("#import", exported)
            await expect(page.locator("#transcript")).to_contain_text("ביסקוויט")
            for shown in ("#transcript p.user", ".fact textarea", ".timeline ul li"):
                direction = "e => getComputedStyle(e).direction"
                assert await page.locator(shown).first.evaluate(direction) == "rtl"
            await page.click("#forget")
            await page.get_by_role("button", name="Cancel").click()
            await expect(page.locator("#transcript")).to_contain_text("ביסקוויט")
            await consent(page, "#forget")
            await expect(page.locator("#memory")).to_contain_text("Nothing is remembered yet")


async def test_hostile_memories_do_nothing_but_look_like_text(
    tmp_path: Path, open_page: OpenPage, axe: str
) -> None:
    with serve_process(cwd=tmp_path, **SHORT) as server:
        async with open_page(f"{server.url}/inspector") as page:
            for number in range(6):
                await say(page, f"I like this {number}: {HOSTILE}")
            async with page.expect_download() as download:
                await page.click("#export")
            hostile = tmp_path / "hostile.jsonl"
            await (await download.value).save_as(hostile)
            lengthen(hostile)
            await consent(page, "#forget")
            await expect(page.locator("#status")).to_contain_text("Everything is forgotten.")
            await page.set_input_files("#import", hostile)
            await expect(page.locator("#status")).to_contain_text("Imported")
            await page.reload()
            await page.fill("#q", "red script exe")
            await expect(page.locator("#found")).to_contain_text("<script>")
            await expect(page.locator("#transcript p.user").last).to_contain_text("<script>")
            await expect(page).to_have_title("Mnemograph: what is remembered")
            active = "main :is(a:not(.jump), img, script, iframe, object, svg[onload])"
            assert await page.locator(active).count() == 0
            text = await page.locator("body").text_content() or ""
            assert not set(text) & set("\u202e\x1b")
            wider = await page.locator("html").evaluate("e => e.scrollWidth > e.clientWidth")
            assert not wider
            assert await findings(page, axe) == []


async def test_with_tokens_on_nothing_is_shown_before_one_signs_in(
    tmp_path: Path, open_page: OpenPage
) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    with serve_process(cwd=tmp_path, MNEMO_AUTH_SECRET=secret, **SHORT) as server:
        async with open_page(f"{server.url}/inspector") as page:
            await expect(page.locator("#sign-in")).to_be_visible()
            await page.fill("#token", "nönsense… ✓")
            await page.keyboard.press("Enter")
            await expect(page.locator("#sign-in-error")).to_contain_text("token")
            await page.fill("#token", token("alex", secret=secret))
            await page.keyboard.press("Enter")
            await expect(page.locator("#sign-in")).to_be_hidden()
            await say(page, "I live in Boston.")
            await expect(page.locator("#transcript p.user")).to_contain_text("Boston")
