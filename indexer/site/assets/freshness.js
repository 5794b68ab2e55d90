"use strict";
// How well the mirror is, from the times in status.json and a clock. Pure: it also tells when
// everything that could have written a newer status.json has died. Whatever status.json holds, it
// ends with words: what is not of the kind that is expected counts as not said.

const HOUR = 3600;

function span(seconds) {
  const past = Math.max(seconds, 0);
  for (const [unit, size, limit] of [["s", 1, 90], ["min", 60, 90], ["h", HOUR, 48]]) {
    if (past < size * limit) return `${Math.round(past / size)} ${unit}`;
  }
  const days = Math.round(past / 24 / HOUR);
  return days < 60 ? `${days} days` : `${Math.round(days / 30)} months`;
}

const ago = (seconds) => (seconds < 45 ? "just now" : `${span(seconds)} ago`);

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const asNumber = (value) => (Number.isFinite(value) ? value : null);
const asText = (value) => (typeof value === "string" ? value : "");

// What is needed of status.json, with null for what it does not say; null if it is no such thing.
function understood(found) {
  if (!isObject(found)) return null;
  const { sync } = found;
  return {
    written: asNumber(found.written),
    next_report_seconds: asNumber(found.next_report_seconds),
    channels: (Array.isArray(found.channels) ? found.channels : []).filter(isObject).map((channel) => (
      { name: asText(channel.name), status: asText(channel.status) })),
    sync: !isObject(sync) ? null : {
      status: asText(sync.status),
      finished: asNumber(sync.finished),
      last_sync: asNumber(sync.last_sync),
      failing_since: asNumber(sync.failing_since),
      reported: asNumber(sync.reported),
      health_hours: asNumber(sync.health_hours),
    },
  };
}

// Returns {level, text}; level is good, warn, bad or busy. `now` is in seconds since the epoch.
function judge(found, now) {
  const status = understood(found);
  if (!status || status.written === null) return { level: "warn", text: "The mirror's state is not understood" };
  const sync = status.sync;
  const limit = ((sync && sync.health_hours) || 50) * HOUR;
  const silence = status.next_report_seconds ? now - status.written : 0;
  if (silence > limit) return { level: "bad", text: `No sign of life for ${span(silence)}` };
  if (!sync) {
    return status.channels.length
      ? { level: "warn", text: "No sync is known of" }
      : { level: "warn", text: "Never synced" };
  }
  const running = sync.status === "running" && sync.finished === null;
  const unheard = running && sync.reported !== null ? now - sync.reported : 0;
  if (sync.last_sync === null) {
    const since = sync.failing_since !== null ? now - sync.failing_since : 0;
    if (running && unheard < HOUR) return { level: "busy", text: "First sync is running" };
    if (running) return { level: unheard > limit ? "bad" : "warn", text: `First sync: no news for ${span(unheard)}` };
    return { level: since > limit || sync.status === "failed" ? "bad" : "warn", text: "No sync has succeeded yet" };
  }
  const age = now - sync.last_sync;
  if (age > limit) return { level: "bad", text: `Out of date: synced ${ago(age)}` };
  if (silence > 4 * status.next_report_seconds) {
    return { level: "warn", text: `No sign of life from the indexer for ${span(silence)}` };
  }
  if (running && unheard > HOUR) return { level: "warn", text: `Sync: no news for ${span(unheard)}` };
  const failed = status.channels.filter((channel) => channel.status === "failed");
  if (failed.length) return { level: "warn", text: `The index of ${failed[0].name} could not be renewed` };
  if (running) return { level: "busy", text: `Syncing; last synced ${ago(age)}` };
  if (sync.status === "failed") return { level: "warn", text: `Last sync failed; last good one ${ago(age)}` };
  if (sync.status !== "success") {
    const text = sync.finished === sync.last_sync ? `Synced ${ago(age)}, with gaps` : `Last sync was incomplete; last good one ${ago(age)}`;
    return { level: "warn", text };
  }
  if (age > 0.6 * limit) return { level: "warn", text: `A sync is overdue: synced ${ago(age)}` };
  return { level: "good", text: `Up to date: synced ${ago(age)}` };
}
