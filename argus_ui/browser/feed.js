// The fleet as the browser knows it. One copy per page, shared by all components; they watch `fleet` and `link`.

import { getAged, page } from "argus/api.js";
import { reactive, ref, shallowRef } from "vue";

const embedded = readEmbedded("argus-fleet");

/** The newest fleet: columns as the server made them, see argus_ui/columns.py. Null before the first. */
export const fleet = shallowRef(embedded);

/** When the dashboard got it, by this machine's clock: clocks of servers may be elsewhere, or replay the past. */
export const receivedAt = ref(Date.now() - 1000 * page.fleet_age);

/** State of both connections: page to dashboard (`socket`), dashboard to Argus server (all else). */
export const link = reactive({
  state: "connecting",
  error: "",
  target: "",
  version: "",
  services: [],
  low_is_bad: [],
  thresholds: {},
  socket: true,
  ...readEmbedded("argus-link"),
});

/** Tags of what else views show, by name; who shows it watches them. */
export const documents = reactive({});

let wanted = embedded?.tag ?? "";
let fetching = false;

/** News from the dashboard: the tag of the newest fleet, the state of its connection. */
export function hear(news) {
  if (news.link) Object.assign(link, news.link);
  Object.assign(documents, news.documents);
  wanted = news.tag;
  catchUp();
}

async function catchUp() {
  // A page nobody looks at costs nothing; it catches up when it is looked at.
  if (fetching || document.hidden) return;
  fetching = true;
  try {
    while (isBehind()) {
      const asked = wanted;
      const { body: found, age } = await getAged("/api/fleet");
      if (found.servers) {
        receivedAt.value = Date.now() - 1000 * age;
        fleet.value = found;
      }
      // What came may be newer than what was heard of; or older, if there was news on the way.
      if (wanted === asked) wanted = found.tag;
    }
  } catch (error) {
    console.warn(`the fleet could not be fetched: ${error.message}`);
  } finally {
    fetching = false;
  }
}

function isBehind() {
  return wanted !== (fleet.value?.tag ?? "") || fleet.value?.partial;
}

document.addEventListener("visibilitychange", catchUp);

/** Follows the state of the socket, which the frame makes when all components are mounted. */
export function watchSocket() {
  const socket = window.socket;
  if (!socket) return void setTimeout(watchSocket, 20);
  const enter = (up) => {
    link.socket = up;
    if (up) catchUp();
  };
  socket.on("connect", () => enter(true));
  socket.on("disconnect", () => enter(false));
  catchUp();
}

/** True while what is shown may not be what is. */
export function isStale() {
  return !link.socket || link.state !== "live";
}

function readEmbedded(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}
