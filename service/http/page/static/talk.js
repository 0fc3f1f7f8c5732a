// The conversation: what was said, and replies as they stream.
import { $, NEW, address, ask, character, localTimes, owner, part, plain, show, status, talk } from "./shared.js";

const greetings = JSON.parse(document.body.dataset.greetings);
const STEPS = {
  search: "searching memory…",
  fold: "summing up what is older…",
  extract: "looking for facts…",
};

const BROKEN =
  "The connection broke before the reply was complete. Send it again: it is not said twice.";

export const atEnd = () =>
  $("scroll").scrollHeight - $("scroll").scrollTop - $("scroll").clientHeight < 40;
const toEnd = () => ($("scroll").scrollTop = $("scroll").scrollHeight);

let shown = 0; // counts the conversations that were opened

// Another conversation is opened: a reply that still comes in the last one does not hold it up.
export function opened() {
  shown += 1;
  $("send").disabled = false;
}

export async function transcript() {
  if (!(await show("transcript", part("transcript", { thread: talk.thread })))) return;
  const talked = $("transcript").querySelector(".turn, .waiting");
  if (talked) $("note")?.removeAttribute("open"); // it was read on first sight
  if (!talked && greetings[character()]) {
    addMessage("assistant", greetings[character()]);
  }
  toEnd();
  watch();
}

const older = new IntersectionObserver(
  async ([{ isIntersecting, target }]) => {
    if (!isIntersecting) return;
    older.unobserve(target);
    const url = part("transcript", { before: target.dataset.before, thread: talk.thread });
    const html = await ask(url, {}, "text");
    if (!target.isConnected) return;
    const below = $("scroll").scrollHeight - $("scroll").scrollTop;
    target.outerHTML = html;
    localTimes($("transcript"));
    $("scroll").scrollTop = $("scroll").scrollHeight - below;
    watch();
  },
  { root: $("scroll") },
);

function watch() {
  const mark = $("transcript").querySelector(".older");
  if (mark) older.observe(mark);
}

function addMessage(role, text) {
  $("transcript").querySelector(".empty")?.remove();
  const line = document.createElement("p");
  line.className = role;
  line.dir = "auto";
  line.textContent = plain(text);
  $("transcript").append(line);
  toEnd();
  return line;
}

async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (name && data) yield [name, JSON.parse(data)];
    }
  }
}

// What got no reply: said again in the same words, it is the same message to the server.
const unanswered = new Map();
const placed = (message) => JSON.stringify([owner(), talk.thread, message]);

function asBody(message) {
  if (unanswered.has(placed(message))) return unanswered.get(placed(message));
  const message_id = `page-${Date.now()}-${Math.random().toString(36).slice(2)}`;
  const body = { message, message_id, stream: true };
  if (talk.thread === NEW) body.new = true;
  else if (talk.thread) body.thread_id = talk.thread;
  return body;
}

// Says a message, and returns whether it was answered.
async function say(message) {
  const body = asBody(message);
  for (const line of $("transcript").querySelectorAll(".unanswered")) line.remove();
  const mine = addMessage("user", message);
  const reply = addMessage("assistant", "");
  reply.classList.add("coming");
  const since = Date.now();
  const here = () => reply.isConnected; // false once another conversation is shown
  let begun = false;
  let over = false;
  let failed = false;
  const clock = setInterval(() => {
    if (here() && !reply.textContent) status(`thinking… ${Math.round((Date.now() - since) / 1000)} s`);
  }, 1000);
  try {
    const answer = await ask(`/chat/${owner()}`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify(body),
    });
    for await (const [name, data] of events(answer)) {
      begun = true;
      if (name === "thread") {
        delete body.new;
        body.thread_id = data.thread_id;
        if (here() && talk.thread === NEW) talk.thread = data.thread_id;
        if (here()) address(); // a page that is loaded again goes on with it
      } else if (name === "done") {
        over = true;
        failed = data.error && !data.reply;
        if (here() && data.reply) reply.textContent = plain(data.reply);
        if (here()) status(data.error || (data.folded ? `${data.folded} messages became an episode.` : ""), data.error);
      } else if (here() && name === "token") {
        if (!reply.textContent) status("");
        const follows = atEnd(); // not if one reads what is above
        reply.textContent += plain(data.text);
        if (follows) toEnd();
      } else if (here() && name === "step") {
        status(STEPS[data.step] || "");
      }
    }
  } catch {
    // Said already, or the connection broke, which is said below.
  } finally {
    clearInterval(clock);
  }
  if (begun && !over && here()) status(BROKEN, true);
  const answered = over && !failed;
  if (answered) {
    // The reply answers what was said before it too: the same words later are said anew.
    for (const [place, kept] of unanswered) {
      if (kept.thread_id === body.thread_id) unanswered.delete(place);
    }
  } else if (here()) unanswered.set(placed(message), body);
  reply.classList.remove("coming");
  if (!reply.textContent) reply.remove();
  if (!answered) for (const line of [mine, reply]) line.classList.add("unanswered");
  return answered;
}

// `ready` waits until the conversation is shown. `after` is called when a reply is complete and
// what is remembered may have changed.
export function listen(ready, after) {
  $("say").addEventListener("submit", async (event) => {
    event.preventDefault();
    const message = $("message").value.trim();
    if (!message || $("send").disabled) return;
    $("message").value = "";
    $("send").disabled = true;
    const before = shown;
    await ready();
    const sent = shown === before;
    const answered = sent && (await say(message));
    const left = sent && shown !== before; // What was said there is not for this conversation.
    if (!answered && !left && !$("message").value) $("message").value = message;
    if (shown === before) $("send").disabled = false;
    else if (atEnd()) await transcript();
    if (!$("remembered").contains(document.activeElement)) $("message").focus();
    if (answered) await after();
  });
  $("message").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      $("say").requestSubmit();
    }
  });
  $("transcript").addEventListener("click", (event) => {
    if (!event.target.matches("button.try")) return;
    $("message").value = event.target.textContent;
    $("message").focus();
  });
}
