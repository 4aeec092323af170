// Which servers a view is about: search, levels, profile and order, kept in the URL and shared by its parts.

import { fleet } from "argus/feed.js";
import { LEVELS, SILENT } from "argus/levels.js";
import { METERS } from "argus/meters.js";
import { route, setQuery } from "argus/navigation.js";
import { computed } from "vue";

const text = (value) => value ?? "";
const up = (value) => (value === null || value === undefined ? Infinity : value);
const down = (value) => (value === null || value === undefined ? -Infinity : value);

/** Order by name: value of a row, and whether the largest come first. */
const ORDERS = {
  name: [(s, i) => text(s.name[i]), false],
  profile: [(s, i) => text(s.profile[i]), false],
  level: [(s, i) => s.level[i], true],
  risk: [(s, i) => down(s.risk[i]), true],
  breach: [(s, i) => (isSilent(s, i) ? -1 : up(s.breach[i]?.[0])), false],
  age: [(s, i) => down(s.age[i]), true],
  source: [(s, i) => text(s.source[i]), false],
  ...Object.fromEntries(METERS.map(({ key }) => [key, [(s, i) => down(s[key][i]), true]])),
};
const LEVEL_KEYS = [...LEVELS, SILENT].map(({ key }) => key);

export const search = computed(() => route.query.q ?? "");
export const levels = computed(
  () => new Set((route.query.level ?? "").split(",").filter((key) => LEVEL_KEYS.includes(key))),
);
export const profile = computed(() => route.query.profile ?? "");
export const sort = computed(() => {
  const [key, direction] = (route.query.sort ?? "").split(":");
  return Object.hasOwn(ORDERS, key) ? { key, reversed: direction === "r" } : { key: "risk", reversed: false };
});

export const setSearch = (value) => setQuery({ q: value });
export const setProfile = (value) => setQuery({ profile: value });
export const clearFilters = () => setQuery({ q: null, level: null, profile: null });

export function toggleLevel(key) {
  const wanted = new Set(levels.value);
  if (!wanted.delete(key)) wanted.add(key);
  setQuery({ level: [...wanted].join(",") });
}

/** Sorts by a column; again, the other way round. */
export function sortBy(key) {
  const { key: held, reversed } = sort.value;
  const next = held === key ? !reversed : false;
  setQuery({ sort: key === "risk" && !next ? null : next ? `${key}:r` : key });
}

/** Whether a server stopped sending. */
export const isSilent = (servers, i) => servers.source[i] === "STALE";

/** All profiles of the fleet. */
export const profiles = computed(() => [...new Set(fleet.value?.servers.profile ?? [])].sort());

/** Numbers of the servers that pass, in order. */
export const matching = computed(() => {
  const servers = fleet.value?.servers;
  if (!servers) return [];
  const wanted = search.value.trim().toLowerCase();
  const found = [];
  for (let i = 0; i < servers.name.length; i++) {
    if (wanted && !servers.name[i].toLowerCase().includes(wanted)) continue;
    if (profile.value && servers.profile[i] !== profile.value) continue;
    const isOfLevel =
      levels.value.has(LEVELS[servers.level[i]].key) || (levels.value.has("silent") && isSilent(servers, i));
    if (levels.value.size && !isOfLevel) continue;
    found.push(i);
  }
  const [keyOf, isDescending] = ORDERS[sort.value.key];
  // Servers come riskiest first, and sorting keeps the order of equals.
  if (sort.value.key === "risk" && !sort.value.reversed) return found;
  const values = found.map((i) => keyOf(servers, i));
  const sign = isDescending !== sort.value.reversed ? -1 : 1;
  const places = found.map((_, place) => place);
  places.sort((a, b) => (values[a] < values[b] ? -sign : values[a] > values[b] ? sign : a - b));
  return places.map((place) => found[place]);
});

export const isFiltered = computed(() => Boolean(search.value || levels.value.size || profile.value));
