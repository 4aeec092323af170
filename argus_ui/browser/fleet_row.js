// One server of the fleet table: a line on a wide screen, a card on a phone. Everything goes through text nodes.
import { h } from "vue";
import { age, chance, crossing, figure, metricLabel, minutes, moment, utc, withUnit } from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS, SOURCES } from "argus/levels.js";
import { METERS, tone } from "argus/meters.js";
import { href, serverPath } from "argus/navigation.js";
import { Spark, outlookOf } from "argus/spark.js";

const OLD_SECONDS = 600;
const ON_CARDS = ["cpu", "memory", "iowait", "disk"];

/** The word, shape and colour of a level. */
export const levelChip = (servers, i) => {
  const level = LEVELS[servers.level[i]];
  return h("span", { class: ["a-chip", `a-level-${level.key}`] }, [h(Icon, { name: level.icon, size: 13 }), servers.label[i]]);
};

const nameLink = (servers, i) =>
  h("a", { class: "a-name", href: href(serverPath(servers.name[i])), title: servers.name[i] }, servers.name[i]);

/** A metric now, how full that is, and where it will be in half an hour. */
function meter(servers, i, { key, label, top, unit, metric, of = (same) => same }) {
  const value = servers[key][i];
  if (value === null) return h("span", { class: "a-muted" }, "–");
  const delta = servers[`${key}_delta`][i];
  const trend = servers[`${key}_trend`][i];
  const level = tone(metric, servers.profile[i], of(value));
  const soon = delta === null ? "" : `, ${withUnit(value + delta, unit)} in 30 min`;
  return h("span", { class: "a-meter", title: `${label} ${withUnit(value, unit)}${soon}${level ? `; beyond the ${level} threshold` : ""}` }, [
    h("span", { class: ["a-meter-value", level && `a-level-${level} a-strong`] }, [
      figure(value),
      trend ? h(Icon, { name: trend > 0 ? "up" : "down", size: 11, class: trend > 0 ? "a-rising" : "a-falling" }) : null,
    ]),
    top ? h("span", { class: ["a-meter-bar", level && `a-level-${level}`] }, [h("i", { style: { width: `${Math.min(100, (value / top) * 100)}%` } })]) : null,
  ]);
}

function breach(fleet, i) {
  const found = fleet.servers.breach[i];
  if (!found) return h("span", { class: "a-muted" }, "–");
  const [left, metric, threshold, probability] = found;
  const name = fleet.metrics[metric];
  const when = fleet.origin_ms + left * 60_000;
  const what = `${crossing(name, threshold)}, probability ${chance(probability)}`;
  return h("span", { title: `${what}; ${moment(when)} (${utc(when)})` }, minutes(left));
}

const risk = (servers, i) => {
  const value = servers.risk[i];
  return h("span", { class: ["a-risk", `a-level-${LEVELS[servers.level[i]].key}`], title: servers.cause[i] || null }, Math.round(value));
};

function dataAge(servers, i) {
  const seconds = servers.age[i];
  const at = servers.sampled_at_ms[i];
  return h("span", { class: seconds > OLD_SECONDS ? "a-level-warning" : "a-muted", title: `Newest sample ${moment(at)} (${utc(at)})` }, age(seconds));
}

const source = (servers, i) =>
  h("span", { class: ["a-source", `a-source-${servers.source[i].toLowerCase()}`], title: SOURCES[servers.source[i]] }, servers.source[i]);

function spark(fleet, i, width, height) {
  const outlook = outlookOf(fleet, i);
  return h("span", { class: "c-spark", title: outlook ? `${metricLabel(outlook.metric)}: last 3 hours, next 8` : null }, [
    h(Spark, { outlook, width, height }),
    outlook ? h("small", metricLabel(outlook.metric)) : null,
  ]);
}

const cell = (name, content) => h("span", { class: `c-${name}`, role: "cell" }, [content]);

export function FleetRow({ fleet, index, phone, chosen }) {
  const { servers } = fleet;
  const i = index;
  if (phone) {
    return h("article", { class: ["a-phone-card", `a-edge-${LEVELS[servers.level[i]].key}`], "data-test": "row" }, [
      h("header", [nameLink(servers, i), risk(servers, i)]),
      h("div", { class: "a-card-line" }, [levelChip(servers, i), h("span", { class: "a-muted" }, servers.profile[i]), source(servers, i), breach(fleet, i)]),
      h("div", { class: "a-phone-meters" }, METERS.filter(({ key }) => ON_CARDS.includes(key)).map((one) => h("span", [h("small", one.label), meter(servers, i, one)]))),
      spark(fleet, i, 300, 30),
    ]);
  }
  return h("div", { class: ["a-row", { chosen }], role: "row", "data-test": "row", "aria-selected": chosen }, [
    cell("name", h("span", { class: "a-name-cell" }, [nameLink(servers, i), h("small", servers.profile[i])])),
    cell("level", levelChip(servers, i)),
    cell("risk", risk(servers, i)),
    cell("breach", breach(fleet, i)),
    ...METERS.map((one) => h("span", { class: `c-meter c-${one.key}`, role: "cell" }, [meter(servers, i, one)])),
    spark(fleet, i, 170, 26),
    cell("age", dataAge(servers, i)),
    cell("source", source(servers, i)),
  ]);
}
FleetRow.props = ["fleet", "index", "phone", "chosen"];
