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

export function part(name, values = {}) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  return `/inspector/${owner()}/${name}?${query}`;
}

export function status(text) {
  $("status").textContent = plain(text);
}

export async function ask(url, options = {}) {
  const headers = { ...options.headers };
  if (token()) headers.authorization = `Bearer ${token()}`;
  const answer = await fetch(url, { ...options, headers });
  if (answer.ok) return answer;
  if (answer.status === 401 && needsToken) document.dispatchEvent(new Event("signed-out"));
  const problem = await answer.json().catch(() => ({}));
  const text = problem.detail || `The server answered ${answer.status}.`;
  status(text);
  throw new Error(text);
}

export async function show(id, url, options) {
  $(id).innerHTML = await (await ask(url, options)).text();
  localTimes($(id));
}

export function localTimes(place) {
  for (const time of place.querySelectorAll("time[datetime]")) {
    const form = time.className === "day" ? {} : { timeStyle: "short" };
    time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", ...form });
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
