// Draws what is in sight of a heatmap, however many rows it has: one canvas, no elements per cell.
import { metricLabel, number } from "argus/format.js";
import { colorOf } from "argus/heat_colors.js";
import { cellPlace } from "argus/heat_grid.js";

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const GROUP = 26;

/** Lines of the map: `{ top, height, group, count }` or `{ top, height, index, name, profile }`; and their height. */
export function linesOf(indices, servers, rowHeight, isGrouped) {
  const lines = [];
  let top = 0;
  const add = (line, height) => {
    lines.push({ top, height, ...line });
    top += height;
  };
  const groups = new Map();
  for (const i of indices) {
    const key = isGrouped ? servers.profile[i] : "";
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(i);
  }
  for (const [group, members] of groups) {
    if (isGrouped) add({ group, count: members.length }, GROUP);
    for (const index of members) add({ index, name: servers.name[index], profile: servers.profile[index] }, rowHeight);
  }
  return { lines, height: top };
}

/** The line at a height, by bisection; null for none. */
export function lineAt(lines, y) {
  let low = 0;
  let high = lines.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const { top, height } = lines[middle];
    if (y < top) high = middle - 1;
    else if (y >= top + height) low = middle + 1;
    else return lines[middle];
  }
  return null;
}

/** Left edges of the columns, and where the last ends. Columns of time are as wide as they are long. */
export function edgesOf(grid, left, width) {
  const spans = grid.columns.map((column) => column.minutes ?? 1);
  const total = spans.reduce((sum, one) => sum + one, 0) || 1;
  const edges = [left];
  for (const span of spans) edges.push(edges.at(-1) + (span / total) * (width - left));
  return edges;
}

/** Draws the lines from `scrolled` on, below a head with the names of the columns. */
export function drawHeat(canvas, { grid, lines, scrolled, head, left, width, height, colors, dark, chosen, levels }) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = colors.surface;
  pen.fillRect(0, 0, width, height);
  pen.textBaseline = "middle";
  const edges = edgesOf(grid, left, width);
  pen.save();
  pen.beginPath();
  pen.rect(0, head, width, height - head);
  pen.clip();
  for (const line of lines) {
    const y = line.top - scrolled + head;
    if (y + line.height < head) continue;
    if (y > height) break;
    if (line.group !== undefined) drawGroup(pen, line, y, colors);
    else
      drawRow(pen, line, y, {
        grid,
        edges,
        left,
        colors,
        dark,
        isChosen: line.name === chosen,
        level: levels[line.index],
      });
  }
  pen.restore();
  drawHead(pen, grid, edges, head, colors, height);
}

function drawGroup(pen, { group, count, height }, y, colors) {
  pen.font = `600 12px ${FONT}`;
  pen.fillStyle = colors.text;
  pen.textAlign = "left";
  pen.fillText(group || "no profile", 10, y + height / 2 + 3);
  const width = pen.measureText(group || "no profile").width;
  pen.font = `400 11px ${FONT}`;
  pen.fillStyle = colors.muted;
  pen.fillText(`${count} ${count === 1 ? "server" : "servers"}`, 18 + width, y + height / 2 + 3);
}

function drawRow(pen, { name, profile, height }, y, { grid, edges, left, colors, dark, isChosen, level }) {
  const isTall = height >= 16;
  const gap = isTall ? 1 : 0;
  if (isTall) {
    pen.font = `${isChosen ? 700 : 400} 12px ${FONT}`;
    pen.textAlign = "left";
    pen.fillStyle = colors[level];
    pen.fillRect(4, y + 3, 3, height - 6);
    pen.fillStyle = isChosen ? colors.accent : colors.text;
    pen.fillText(fitted(pen, name, left - 20), 12, y + height / 2 + 0.5);
  }
  const places = placesOf(grid, name, profile);
  const isEmpty = grid.kind === "time" && places.every((place) => place === null);
  for (let i = 0, next = 0; i < grid.columns.length; i = next) {
    const place = places[i];
    const color = colorOf(place, dark);
    next = i + 1;
    // Neighbours of one colour are one rectangle, unless there is something to write into each.
    const isPlain = (one) => grid.kind === "time" && !(isTall && places[one] >= 1);
    while (isPlain(i) && next < places.length && isPlain(next) && colorOf(places[next], dark) === color) next++;
    const x = edges[i];
    const w = edges[next] - x - (grid.kind === "metrics" ? gap : 0);
    if (!color) {
      pen.fillStyle = colors.line;
      pen.fillRect(x, y + height / 2 - 0.5, w, 1);
      continue;
    }
    pen.fillStyle = color.fill;
    pen.fillRect(x, y, w + 0.4, height - gap);
    if (grid.kind === "metrics" && isTall) {
      pen.fillStyle = color.ink;
      pen.textAlign = "center";
      pen.font = `${place >= 1 ? 700 : 400} 11px ${FONT}`;
      pen.fillText(
        (place >= 1 && w > 44 ? "▲ " : "") + number(grid.cell(name, profile, i).value),
        x + w / 2,
        y + height / 2 + 0.5,
      );
    } else if (isTall && place >= 1 && w >= 4) {
      pen.fillStyle = color.ink;
      pen.fillRect(x + w / 2 - 1.5, y + height / 2 - 1.5, 3, 3);
    }
  }
  if (isEmpty && isTall) drawWhy(pen, grid.metricOf(name), left, y + height / 2, colors);
  if (isChosen) {
    pen.strokeStyle = colors.accent;
    pen.lineWidth = 2;
    pen.strokeRect(left, y, edges.at(-1) - left - 1, height - gap);
  }
}

/** Says why there is nothing in a row. */
function drawWhy(pen, metric, left, y, colors) {
  const why = ` ${metric ? `${metricLabel(metric)}: not measured, or without a threshold` : "nothing measured that has a threshold"} `;
  pen.font = `400 11px ${FONT}`;
  pen.textAlign = "left";
  pen.fillStyle = colors.surface;
  pen.fillRect(left + 10, y - 7, pen.measureText(why).width, 14);
  pen.fillStyle = colors.muted;
  pen.fillText(why, left + 10, y + 0.5);
}

const known = new WeakMap();

/** Places of a row, worked out when it is first seen. */
function placesOf(grid, name, profile) {
  if (!known.has(grid)) known.set(grid, new Map());
  const rows = known.get(grid);
  let places = rows.get(name);
  if (!places) rows.set(name, (places = grid.columns.map((_, i) => cellPlace(grid.cell(name, profile, i)))));
  return places;
}

function drawHead(pen, grid, edges, head, colors, height) {
  pen.fillStyle = colors.muted;
  pen.strokeStyle = colors.line;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(0, head - 0.5);
  pen.lineTo(edges.at(-1), head - 0.5);
  pen.stroke();
  pen.font = `600 11.5px ${FONT}`;
  if (grid.kind === "metrics") return void drawNames(pen, grid, edges, head);
  pen.font = `400 11px ${FONT}`;
  pen.textAlign = "left";
  let free = edges[0];
  grid.columns.forEach((column, i) => {
    const minute = new Date(column.ms).getMinutes();
    const isHour = minute < column.minutes && edges[i] >= free && edges[i] + 34 < edges.at(-1);
    // "now" stands there.
    if (!isHour || Math.abs(edges[i] + 18 - edges[grid.past]) < 38) return;
    const label = new Date(column.ms - minute * 60_000);
    pen.fillText(`${String(label.getHours()).padStart(2, "0")}:00`, edges[i] + 3, head / 2);
    free = edges[i] + 46;
  });
  const x = edges[grid.past];
  pen.strokeStyle = colors.text;
  pen.setLineDash([4, 3]);
  pen.beginPath();
  pen.moveTo(x, head - 8);
  pen.lineTo(x, height);
  pen.stroke();
  pen.setLineDash([]);
  pen.fillStyle = colors.text;
  pen.font = `600 11.5px ${FONT}`;
  pen.textAlign = "center";
  pen.fillText("now", Math.max(edges[0] + 12, x), head / 2);
}

// Between two lines of a name, pixels.
const LINE = 13;

function drawNames(pen, grid, edges, head) {
  const isNarrow = edges[1] - edges[0] < 84;
  grid.columns.forEach(({ label }, i) => {
    const middle = (edges[i] + edges[i + 1]) / 2;
    if (!isNarrow) {
      pen.textAlign = "center";
      const width = edges[1] - edges[0] - 6;
      const lines = pen.measureText(label).width > width ? label.split(" ") : [label];
      return lines.forEach((line, k) =>
        pen.fillText(fitted(pen, line, width), middle, head / 2 + LINE * (k - (lines.length - 1) / 2)),
      );
    }
    pen.save();
    pen.translate(middle, head - 8);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "left";
    pen.fillText(fitted(pen, label, head - 12), 0, 0);
    pen.restore();
  });
}

function fitted(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let length = Math.max(1, Math.floor((text.length * width) / pen.measureText(text).width));
  while (length > 1 && pen.measureText(`${text.slice(0, length)}…`).width > width) length--;
  return `${text.slice(0, length)}…`;
}
