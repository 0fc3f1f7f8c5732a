// The conversation: what was said, and replies as they stream.
import { $, NEW, ask, character, localTimes, owner, part, plain, show, status, talk } from "./shared.js";

const greetings = JSON.parse(document.body.dataset.greetings);
const STEPS = {
  search: "searching memory…",
  fold: "summing up what is older…",
  extract: "looking for facts…",
};

const toEnd = () => ($("scroll").scrollTop = $("scroll").scrollHeight);

export async function transcript() {
  await show("transcript", part("transcript", { thread: talk.thread }));
  if (!$("transcript").querySelector(".turn") && greetings[character()]) {
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
    const html = await (await ask(url)).text();
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

async function say(message) {
  const body = { message, stream: true };
  if (talk.thread === NEW) body.new = true;
  else if (talk.thread) body.thread_id = talk.thread;
  addMessage("user", message);
  const reply = addMessage("assistant", "");
  reply.classList.add("coming");
  const since = Date.now();
  const clock = setInterval(() => {
    if (!reply.textContent) status(`thinking… ${Math.round((Date.now() - since) / 1000)} s`);
  }, 1000);
  try {
    const answer = await ask(`/chat/${owner()}`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify(body),
    });
    for await (const [name, data] of events(answer)) {
      if (name === "thread" && talk.thread === NEW) {
        talk.thread = data.thread_id;
      } else if (name === "token") {
        if (!reply.textContent) status("");
        reply.textContent += plain(data.text);
        toEnd();
      } else if (name === "step") {
        status(STEPS[data.step] || "");
      } else if (name === "done") {
        if (data.reply) reply.textContent = plain(data.reply);
        status(data.error || (data.folded ? `${data.folded} messages became an episode.` : ""));
      }
    }
  } catch (error) {
    status(error.message);
  } finally {
    clearInterval(clock);
    reply.classList.remove("coming");
    if (!reply.textContent) reply.remove();
    toEnd();
  }
}

// `after` is called when a reply is complete and what is remembered may have changed.
export function listen(after) {
  $("say").addEventListener("submit", async (event) => {
    event.preventDefault();
    const message = $("message").value.trim();
    if (!message || $("send").disabled) return;
    $("message").value = "";
    $("send").disabled = true;
    try {
      await say(message);
      await after();
    } finally {
      $("send").disabled = false;
      $("message").focus();
    }
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
