// Where we are is in the URL, all of it: view, filters, selection, range.

import { prefix } from "argus/api.js";
import { leaving } from "argus/timing.js";
import { reactive } from "vue";

/** The present place: `path` without prefix, `query` as a plain object. */
export const route = reactive(read());

/** Goes to a view: the address changes at once, and with it what is drawn. */
export function navigate(target) {
  const clean = target.startsWith(`${prefix}/`) && prefix ? target.slice(prefix.length) : target;
  const before = route.path;
  history.pushState({ page: clean }, "", prefix + clean);
  Object.assign(route, read());
  if (route.path === before) return;
  leaving();
  window.scrollTo(0, 0);
}

// What takes the place of what was there before, so that "back" brings that again; all else only narrows or orders it.
const STEPS = ["alert", "show", "range"];

/** Changes query parameters of this view; null and "" remove one. Typing in a filter makes no history, a step does. */
export function setQuery(changes) {
  change(
    changes,
    Object.keys(changes).some((name) => STEPS.includes(name) && (changes[name] ?? "") !== (route.query[name] ?? "")),
  );
}

let isGoingBack = false;

/** Undoes the step that set a parameter: back, where it was made on this page; else the parameter goes. */
export function stepBack(name) {
  if (isGoingBack || !route.query[name]) return;
  isGoingBack = Boolean(history.state?.stepped);
  if (isGoingBack) history.back();
  else change({ [name]: null }, false);
}

function change(changes, isStep) {
  const query = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  const clean = route.path + (query.size ? `?${query}` : "");
  if (isStep) history.pushState({ page: clean, stepped: true }, "", prefix + clean);
  else history.replaceState({ ...history.state, page: clean }, "", prefix + clean);
  Object.assign(route, read());
}

// What makes a list of servers what it is; goes along to a server, so that "next" means the next one of that list.
const LIST = ["q", "level", "profile", "sort"];

/** Address of the page of one server. Names may hold anything, so they go into the query. */
export function serverPath(name) {
  const kept = route.path === "/server" ? [...LIST, "range"] : LIST;
  return `/server?${new URLSearchParams([["name", name], ...held(kept)])}`;
}

/** Address of the list that this server was picked from. */
export const listPath = () => `/?${new URLSearchParams(held(LIST))}`.replace(/\?$/, "");

const held = (names) => names.filter((one) => route.query[one]).map((one) => [one, route.query[one]]);

export const href = (path) => prefix + path;

function read() {
  let path = window.location.pathname;
  if (prefix && path.startsWith(prefix)) path = path.slice(prefix.length);
  return {
    path: path.replace(/\/+$/, "") || "/",
    query: Object.fromEntries(new URLSearchParams(window.location.search)),
  };
}

window.addEventListener("popstate", () => {
  isGoingBack = false;
  Object.assign(route, read());
});

// Links within the dashboard do not load the page anew.
document.addEventListener(
  "click",
  (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = event.target.closest?.("a[href]");
    if (!anchor || anchor.target === "_blank" || anchor.hasAttribute("download")) return;
    const url = new URL(anchor.href, window.location.href);
    if (url.origin !== window.location.origin || !url.pathname.startsWith(`${prefix}/`)) return;
    if (anchor.hasAttribute("data-external")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    navigate(url.pathname.slice(prefix.length) + url.search);
  },
  true,
);
