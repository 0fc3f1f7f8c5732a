// What all parts of the page use: whose conversation it is, and how the server is asked.

export const $ = (id) => document.getElementById(id);
export const needsToken = document.body.dataset.token === "yes";

// The thread that the next message begins; the server names it then.
export const NEW = "(new)";

const at = new URLSearchParams(location.search);
export const talk = {
  user: at.get("user") || "local",
  thread: at.get("thread") || "", // "": all conversations, and the last one goes on
};

export const token = () => sessionStorage.getItem("mnemo-token");
export const character = () => $("character").value;
export const user = () => encodeURIComponent(talk.user);
export const owner = () => `${user()}/${encodeURIComponent(character())}`;

// Text without what would steer the eye of its reader, as the server shows it.
export const plain = (text) =>
  text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "");

export function address() {
  const query = new URLSearchParams({ character: character() });
  if (!needsToken) query.set("user", talk.user);
  if (talk.thread && talk.thread !== NEW) query.set("thread", talk.thread);
  history.replaceState(null, "", `?${query}${location.hash}`);
}

export function part(name, values = {}) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  return `/inspector/${owner()}/${name}?${query}`;
}

// The page is in English, so its dates are, too.
const LANGUAGES = [...navigator.languages.filter((name) => /^en\b/.test(name)), "en-GB"];

export function status(text, wrong = false) {
  $("status").textContent = plain(text);
  $("status").className = wrong ? "danger" : "";
}

// What the server refused, or could not be asked. It stands in the status when this is thrown.
class Refused extends Error {}
addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof Refused) event.preventDefault();
});

export function refuse(text) {
  status(text, true);
  throw new Refused(text);
}

// Returns what is answered, read as `form` says ("text", "json", "blob"); without one, as it comes.
export async function ask(url, options = {}, form = "") {
  const headers = { ...options.headers };
  if (token()) headers.authorization = `Bearer ${encodeURI(token())}`; // whatever was typed
  const broken = () => refuse("The server does not answer: is it still running?");
  const answer = await fetch(url, { ...options, headers }).catch(broken);
  if (answer.ok) return form ? answer[form]().catch(broken) : answer;
  if (answer.status === 401 && needsToken) document.dispatchEvent(new Event("signed-out"));
  const problem = await answer.json().catch(() => ({}));
  return refuse(problem.detail || `The server answered ${answer.status}.`);
}

const asked = {};

// Shows a part of the page; false if something newer was asked for in its place meanwhile.
// What is unfolded stays so, what is typed stays typed, and the focus stays where it is.
export async function show(id, url, options) {
  const mine = (asked[id] = {});
  const html = await ask(url, options, "text");
  if (asked[id] !== mine) return false;
  const unfolded = [...$(id).querySelectorAll("details[open][id]")].map((details) => details.id);
  const typed = [...$(id).querySelectorAll("textarea")].map((field) => [field.id, field.value, field.defaultValue]);
  const focused = $(id).contains(document.activeElement) && document.activeElement.id;
  $(id).innerHTML = html.trim();
  for (const name of unfolded) if ($(name)) $(name).open = true;
  for (const [name, text, before] of typed) if (text !== before) retype($(name), text);
  if (focused) $(focused)?.focus({ preventScroll: true });
  localTimes($(id));
  return true;
}

function retype(field, text) {
  if (!field || field.value.trim() === text.trim()) return;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

export function localTimes(place) {
  for (const time of place.querySelectorAll("time[datetime]")) {
    const form = time.className === "day" ? {} : { timeStyle: "short" };
    time.textContent = new Date(time.dateTime).toLocaleString(LANGUAGES, { dateStyle: "medium", ...form });
  }
}

// Asks before something is undone for good.
export function sure(question, button) {
  $("sure-question").textContent = question;
  $("sure-yes").textContent = button;
  $("sure").returnValue = "";
  $("sure").showModal();
  return new Promise((resolve) => {
    $("sure").addEventListener("close", () => resolve($("sure").returnValue === "yes"), { once: true });
  });
}
