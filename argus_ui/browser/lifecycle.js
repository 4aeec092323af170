// What can happen to an alert, as people see it: a word, a shape and a tone. Newer servers may know more.

const LOOKS = {
  pending: { label: "Pending", icon: "clock", tone: "a-muted" },
  withdrawn: { label: "Withdrawn", icon: "close", tone: "a-muted" },
  fired: { label: "Fired", icon: "alerts", tone: "a-level-critical" },
  reopened: { label: "Fired again", icon: "alerts", tone: "a-level-critical" },
  level_changed: { label: "Level changed", icon: "trend-up", tone: "a-level-warning" },
  resolved: { label: "Resolved", icon: "check", tone: "a-level-healthy" },
  acknowledged: { label: "Acknowledged", icon: "user_check", tone: "a-muted" },
  note_added: { label: "Note", icon: "note", tone: "a-muted" },
  silenced: { label: "Silenced", icon: "bell_off", tone: "a-muted" },
  silence_expired: { label: "Silence over", icon: "alerts", tone: "a-muted" },
  maintenance_put: { label: "Maintenance set", icon: "history", tone: "a-muted" },
  maintenance_deleted: { label: "Maintenance removed", icon: "close", tone: "a-muted" },
  muted: { label: "Muted", icon: "bell_off", tone: "a-muted" },
  unmuted: { label: "No longer muted", icon: "alerts", tone: "a-muted" },
  notified: { label: "Notified", icon: "send", tone: "a-muted" },
  notify_failed: { label: "Not notified", icon: "triangle", tone: "a-level-warning" },
};

export const EVENTS = Object.entries(LOOKS).map(([key, { label }]) => ({ key, label }));

export const eventLook = (name) => LOOKS[name] ?? { label: name.replaceAll("_", " "), icon: "more", tone: "a-muted" };
