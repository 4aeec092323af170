// What is wrong with how a page is laid out, in sentences. Told to a page by `Page.add_init_script`.
(() => {
  const CONTROLS = "a[href], button, input, select, summary, [tabindex='0']";
  // What scrolls sideways is marked as such, so that nobody hides a button by accident.
  const SCROLLER = ".a-scroller";
  // A word of letters that is not a name: nobody reads "Runn" and "ing".
  const WORD = /[A-Za-z]{2,16}/g;
  const SLACK = 1;
  const GAP = 4;

  const name = (element) => {
    const said = (
      element.innerText ||
      element.value ||
      element.getAttribute("aria-label") ||
      element.title ||
      ""
    ).trim();
    return `${element.tagName.toLowerCase()}.${String(element.className.baseVal ?? element.className).replaceAll(" ", ".")} "${said.replace(/\s+/g, " ").slice(0, 40)}"`;
  };
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: false });
  const isAside = (element) => element.closest(".a-skip, .a-hidden, .a-tip, [aria-hidden=true]") !== null;
  const clips = (style, axis) => style[`overflow${axis}`] !== "visible";
  const parents = function* (element) {
    for (let above = element.parentElement; above && above !== document.body; above = above.parentElement) yield above;
  };

  /** Whether it lies on top of its neighbours on purpose, with a ground of its own. */
  const isAbove = (element, root) => {
    for (let at = element; at && at !== root; at = at.parentElement) {
      const { position, backgroundColor } = getComputedStyle(at);
      if (position === "absolute" && !/, 0\)|transparent/.test(backgroundColor)) return true;
    }
    return false;
  };

  /** Rectangles of the text in an element, as much of it as is to be seen. */
  const textRects = (element) => {
    const found = [];
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const holder = node.parentElement;
      if (!node.data.trim() || !isShown(holder) || isAside(holder) || holder.closest("svg, select, option")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      let rects = [...range.getClientRects()];
      for (let at = holder; at && at !== element.parentElement; at = at.parentElement) {
        const style = getComputedStyle(at);
        if (!clips(style, "X") && !clips(style, "Y")) continue;
        const box = at.getBoundingClientRect();
        rects = rects.map(
          (one) =>
            new DOMRect(
              Math.max(one.left, box.left),
              Math.max(one.top, box.top),
              Math.min(one.right, box.right) - Math.max(one.left, box.left),
              Math.min(one.bottom, box.bottom) - Math.max(one.top, box.top),
            ),
        );
      }
      for (const rect of rects) if (rect.width > 0.5 && rect.height > 0.5) found.push(Object.assign(rect, { node }));
    }
    return found;
  };

  const tooWide = () => {
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    return wide > 0 ? [`the page is ${wide} px too wide`] : [];
  };

  /** Controls that lie partly outside of the page, or of what cuts them off. `extent` is what they need around them. */
  const cutOff = (extent = () => 0) => {
    const found = [];
    for (const control of document.querySelectorAll(CONTROLS)) {
      if (!isShown(control) || isAside(control)) continue;
      const box = control.getBoundingClientRect();
      if (!box.width || !box.height) continue;
      const more = extent(control);
      let isScrolled = getComputedStyle(control).position === "fixed";
      for (const above of parents(control)) {
        const style = getComputedStyle(above);
        if (above.matches(SCROLLER)) isScrolled = true;
        const bounds = above.getBoundingClientRect();
        const wide = Math.max(bounds.left - (box.left - more), box.right + more - bounds.right);
        const high = Math.max(bounds.top - (box.top - more), box.bottom + more - bounds.bottom);
        if (!isScrolled && clips(style, "X") && wide > SLACK)
          found.push(`${name(control)} is cut by ${Math.round(wide)} px in ${above.className}`);
        if (["hidden", "clip"].includes(style.overflowY) && high > SLACK)
          found.push(`${name(control)} is cut by ${Math.round(high)} px of height in ${above.className}`);
        if (style.position === "fixed") break;
      }
      const beyond = Math.max(-box.left, box.right - document.documentElement.clientWidth) + more;
      if (!isScrolled && beyond > SLACK) found.push(`${name(control)} is ${Math.round(beyond)} px off the page`);
    }
    return found;
  };

  /** Rectangles of the controls in an element that have an edge of their own. */
  const controlRects = (element) =>
    [
      ...element.querySelectorAll("button, input, select"),
      ...(element.matches("button, input, select") ? [element] : []),
    ]
      .filter(
        (control) =>
          isShown(control) && !isAbove(control, element) && parseFloat(getComputedStyle(control).borderLeftWidth) > 0,
      )
      .map((control) => control.getBoundingClientRect());

  /** Texts and controls that lie on top of each other, or texts of heads without a gap between them. */
  const collisions = () => {
    const found = [];
    for (const parent of document.querySelectorAll(".a-frame *")) {
      const { display } = getComputedStyle(parent);
      if (!/flex|grid|table-row/.test(display) || parent.children.length < 2 || !isShown(parent)) continue;
      const children = [...parent.children]
        .filter(
          (child) =>
            !["absolute", "fixed", "sticky"].includes(getComputedStyle(child).position) && !child.matches(".a-overlay"),
        )
        .map((child) => ({
          child,
          rects: [
            ...textRects(child).filter(({ node }) => !isAbove(node.parentElement, child)),
            ...controlRects(child),
          ],
        }))
        .filter(({ rects }) => rects.length && rects.length < 60);
      const isHead = parent.querySelector(":scope > [role=columnheader], :scope > th") !== null;
      const gap = isHead ? GAP : 0;
      for (let i = 0; i < children.length; i++) {
        for (let k = i + 1; k < Math.min(children.length, i + 12); k++) {
          const met = children[i].rects.some((a) =>
            children[k].rects.some(
              (b) =>
                Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK - gap - (isHead ? 1 : 0) &&
                Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2,
            ),
          );
          if (met)
            found.push(`${name(children[i].child)} and ${name(children[k].child)} ${isHead ? "touch" : "overlap"}`);
        }
      }
    }
    return found;
  };

  /** Texts that are cut without a sign, stick out of the box around them, or break within a word. */
  const clipped = () => {
    const found = [];
    const seen = new Set();
    for (const rect of textRects(document.querySelector(".a-frame"))) {
      const holder = rect.node.parentElement;
      for (const at of [holder, ...parents(holder)]) {
        const style = getComputedStyle(at);
        if (at.matches(SCROLLER)) break;
        const box = at.getBoundingClientRect();
        const isBox = parseFloat(style.borderLeftWidth) > 0 || style.backgroundColor !== "rgba(0, 0, 0, 0)";
        if (isBox && style.display !== "inline" && (rect.right > box.right + SLACK || rect.left < box.left - SLACK)) {
          found.push(`"${rect.node.data.trim().slice(0, 40)}" sticks out of ${name(at)}`);
        }
        if (style.position === "fixed") break;
      }
      if (seen.has(rect.node)) continue;
      seen.add(rect.node);
      const style = getComputedStyle(holder);
      const range = document.createRange();
      range.selectNodeContents(rect.node);
      const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
      if (tops.size < 2 || (style.overflowWrap === "normal" && style.wordBreak === "normal")) continue;
      for (const { 0: word, index } of rect.node.data.matchAll(WORD)) {
        if (
          /[\w\-./=]/.test(rect.node.data[index - 1] ?? "") ||
          /[\w\-./=]/.test(rect.node.data[index + word.length] ?? "")
        )
          continue;
        range.setStart(rect.node, index);
        range.setEnd(rect.node, index + word.length);
        if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1)
          found.push(`"${word}" is broken in ${name(holder)}`);
      }
    }
    for (const element of document.querySelectorAll(".a-frame *")) {
      const style = getComputedStyle(element);
      if (!isShown(element) || isAside(element) || element.closest("svg") || !element.innerText?.trim()) continue;
      const wide = element.scrollWidth - element.clientWidth;
      const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
      if (clips(style, "X") && wide > SLACK && !element.matches(SCROLLER) && hasText) {
        const isSaid = style.textOverflow === "ellipsis" && element.closest("[title]");
        if (!isSaid)
          found.push(
            `${name(element)} hides ${wide} px of its text${style.textOverflow === "ellipsis" ? ", and no title says it" : ""}`,
          );
      }
      const high = element.scrollHeight - element.clientHeight;
      if (["hidden", "clip"].includes(style.overflowY) && style.webkitLineClamp === "none" && high > SLACK) {
        found.push(`${name(element)} hides ${high} px of its height`);
      }
    }
    return found;
  };

  /** Controls that the tabs of a phone lie on top of where the page ends. */
  const covered = () => {
    const tabs = document.querySelector(".a-tabs");
    if (!tabs || !isShown(tabs)) return [];
    const end = document.documentElement.scrollHeight - scrollY;
    const top = end - tabs.getBoundingClientRect().height;
    return [...document.querySelectorAll(".a-body :is(a[href], button, input, select)")]
      .filter(
        (control) =>
          isShown(control) && !control.closest(".a-overlay") && control.getBoundingClientRect().bottom > top + SLACK,
      )
      .map((control) => `${name(control)} ends beneath the tabs`);
  };

  const channels = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return color.startsWith("color(srgb") ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const luminance = (color) => {
    const [r, g, b] = color.map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(channels(getComputedStyle(at).backgroundColor));
    return layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };

  /** Texts that are too pale to be read: WCAG 2.2 AA, 1.4.3. */
  const pale = () => {
    const found = new Map();
    const judge = (element, color, what) => {
      const ground = behind(element);
      let opacity = 1;
      for (let at = element; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
      const [r, g, b, a] = channels(color);
      const [light, dark] = [luminance(over([r, g, b, a * opacity], ground)), luminance(ground)].sort((x, y) => y - x);
      const ratio = (light + 0.05) / (dark + 0.05);
      const style = getComputedStyle(element);
      const size = parseFloat(style.fontSize);
      const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      if (ratio < least)
        found.set(`${element.className} ${what}`, `${what}${name(element)} has a contrast of ${ratio.toFixed(2)}`);
    };
    for (const rect of textRects(document.querySelector(".a-frame"))) {
      const element = rect.node.parentElement;
      if (element.closest(":disabled")) continue;
      judge(element, getComputedStyle(element).color, "");
    }
    for (const input of document.querySelectorAll("input[placeholder]")) {
      if (isShown(input)) judge(input, getComputedStyle(input, "::placeholder").color, "placeholder of ");
    }
    return [...found.values()];
  };

  /** How far the ring of a control that has the focus reaches beyond it. */
  const ring = (control) => {
    control.focus({ preventScroll: true, focusVisible: true });
    const style = getComputedStyle(control);
    const reach =
      document.activeElement === control && style.outlineStyle !== "none"
        ? parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset)
        : 0;
    control.blur();
    return Math.max(0, reach);
  };

  const once = (found) => [...new Set(found)].slice(0, 12);
  window.layoutFaults = () => once([...tooWide(), ...cutOff(), ...collisions(), ...clipped(), ...covered()]);
  window.paleTexts = () => once(pale());
  window.cutRings = () => once(cutOff(ring));
})();
