// One server of the fleet table: a line on a wide screen, a card on a phone. Everything goes through text nodes.

import { isSilent } from "argus/filters.js";
import {
  age,
  chance,
  crossing,
  figure,
  metricLabel,
  moment,
  noDataFor,
  onHover,
  riskText,
  utc,
  withUnit,
} from "argus/format.js";
import { Icon } from "argus/icons.js";
import { LEVELS, SOURCES } from "argus/levels.js";
import { METERS, tone } from "argus/meters.js";
import { href, serverPath } from "argus/navigation.js";
import { outlookOf, Spark } from "argus/spark.js";
import { breachOf, crossingMoment, leftText } from "argus/time_left.js";
import { h } from "vue";

const OLD_SECONDS = 600;
const ON_CARDS = ["cpu", "memory", "iowait", "disk"];
const CARD_METERS = METERS.filter(({ key }) => ON_CARDS.includes(key));

/** The word, shape and colour of a level. */
const levelChip = (servers, i) => {
  const level = LEVELS[servers.level[i]];
  return h("span", { class: ["a-chip", `a-level-${level.key}`] }, [
    h(Icon, { name: level.icon, size: 13 }),
    servers.label[i],
  ]);
};

const nameLink = (servers, i) =>
  h("a", { class: "a-name", href: href(serverPath(servers.name[i])), title: servers.name[i] }, servers.name[i]);

// A row is made of few elements, for a screen holds forty of them: what can be one is one, and the style sheet draws the
// bars.

/** A metric now, how full that is, and a tick where it is going to be in half an hour. */
function meter(servers, i, { key, label, top, unit, metric, of = (same) => same }, cell) {
  const value = servers[key][i];
  if (value === null) return h("span", { class: ["a-muted", cell], role: cell && "cell" }, "–");
  // What was last heard of a server that stopped sending is neither its present nor the way it goes.
  if (isSilent(servers, i)) {
    const title = `${label} ${withUnit(value, unit)} when last heard of`;
    return h("span", { class: ["a-meter a-meter-old", cell], role: cell && "cell", title }, figure(value));
  }
  const delta = servers[`${key}_delta`][i];
  const trend = servers[`${key}_trend`][i];
  const level = tone(metric, servers.profile[i], of(value));
  const soon = delta === null ? null : value + delta;
  const ahead = soon === null ? "" : `, ${withUnit(soon, unit)} in 30 min`;
  const title = `${label} ${withUnit(value, unit)}${ahead}${level ? `; beyond the ${level} threshold` : ""}`;
  const look = ["a-meter", cell, level && `a-level-${level} a-strong`];
  let style;
  if (top) {
    const share = (one) => `${Math.max(0, Math.min(100, (one / top) * 100)).toFixed(1)}%`;
    style = { "--at": share(value) };
    look.push("a-meter-bar");
    if (trend && soon !== null) {
      style["--soon"] = share(soon);
      look.push("a-meter-tick");
      const reached = tone(metric, servers.profile[i], of(soon));
      if (reached) style["--tick"] = `var(--${reached})`;
    }
  }
  return h("span", { class: look, role: cell && "cell", title, style }, [
    figure(value),
    trend ? h("i", { class: trend > 0 ? "a-rising" : "a-falling" }, trend > 0 ? "↑" : "↓") : null,
  ]);
}

function breach(fleet, i, cell) {
  const role = cell && "cell";
  if (isSilent(fleet.servers, i)) {
    const [words, since] = [noDataFor(null), noDataFor(fleet.servers.age[i])];
    return h("span", { class: [cell, "a-no-data a-level-silent"], role, title: since }, [
      words,
      h("small", since.slice(words.length)),
    ]);
  }
  const found = breachOf(fleet, i);
  if (!found) return h("span", { class: ["a-muted", cell], role }, "–");
  const what = `${crossing(found.metric, found.threshold)}, probability ${chance(found.probability)}`;
  return h("span", { class: cell, role, ...onHover(() => `${what}; ${crossingMoment(found)}`) }, leftText(found));
}

const risk = (servers, i, cell) => {
  const value = servers.risk[i];
  const level = `a-level-${LEVELS[servers.level[i]].key}`;
  return h(
    "span",
    { class: ["a-risk", level, cell], role: cell && "cell", title: servers.cause[i] || null },
    riskText(value),
  );
};

function dataAge(servers, i, cell) {
  const seconds = servers.age[i];
  const at = servers.sampled_at_ms[i];
  const look = seconds > OLD_SECONDS ? "a-level-warning" : "a-muted";
  return h(
    "span",
    { class: [look, cell], role: "cell", ...onHover(() => `Newest sample ${moment(at)} (${utc(at)})`) },
    age(seconds),
  );
}

const source = (servers, i) =>
  h(
    "span",
    { class: ["a-source", `a-source-${servers.source[i].toLowerCase()}`], title: SOURCES[servers.source[i]] },
    servers.source[i],
  );

function spark(fleet, i, width, height, role) {
  const outlook = isSilent(fleet.servers, i) ? null : outlookOf(fleet, i);
  return h(
    "span",
    { class: "c-spark", role, title: outlook ? `${metricLabel(outlook.metric)}: last 3 hours, next 8` : null },
    [h(Spark, { outlook, width, height }), outlook ? h("small", metricLabel(outlook.metric)) : null],
  );
}

export function FleetRow({ fleet, index, phone, chosen }) {
  const { servers } = fleet;
  const i = index;
  if (phone) {
    return h("article", { class: ["a-phone-card", `a-edge-${LEVELS[servers.level[i]].key}`], "data-test": "row" }, [
      h("header", [nameLink(servers, i), risk(servers, i)]),
      h("div", { class: "a-card-line" }, [
        levelChip(servers, i),
        h("span", { class: "a-muted", title: servers.profile[i] }, servers.profile[i]),
        source(servers, i),
        breach(fleet, i),
      ]),
      h(
        "div",
        { class: "a-phone-meters" },
        CARD_METERS.map((one) => h("span", [h("small", one.label), meter(servers, i, one)])),
      ),
      spark(fleet, i, 300, 30),
    ]);
  }
  return h("div", { class: ["a-row", { chosen }], role: "row", "data-test": "row", "aria-selected": chosen }, [
    h("span", { class: "a-name-cell", role: "cell" }, [nameLink(servers, i), h("small", servers.profile[i])]),
    h("span", { role: "cell" }, [levelChip(servers, i)]),
    risk(servers, i, "c-risk"),
    breach(fleet, i, "c-breach"),
    ...METERS.map((one) => meter(servers, i, one, `c-meter c-${one.key}`)),
    spark(fleet, i, 170, 26, "cell"),
    dataAge(servers, i, "c-age"),
    h("span", { role: "cell" }, [source(servers, i)]),
  ]);
}
FleetRow.props = ["fleet", "index", "phone", "chosen"];
