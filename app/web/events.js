// Server-Sent Events by fetch: an EventSource cannot send the header with the key.

import { Problem, send } from "./api.js";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;

/**
 * Tell every event of a fit until it has ended, from its first.
 *
 * A stream that breaks off is taken up behind the last event that came. `onBreak` hears of it, with what went wrong.
 */
export async function follow(path, { signal, onEvent, onBreak }) {
  let last = null;
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const headers = last === null ? {} : { "Last-Event-ID": last };
      const answer = await send(path, { accept: "text/event-stream", headers, signal });
      if (answer.status === 204) return;
      for await (const message of messages(answer.body)) {
        last = message.id;
        pause = FIRST_PAUSE_MS;
        const event = JSON.parse(message.data);
        onEvent(event);
        if (event.type === "terminal") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status !== 0 && error.status < 500) throw error;
      onBreak(error);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** The messages in a body: `{id, data}`. Comments and other fields are passed over. */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (text + value).split("\n\n");
      text = parts.pop();
      for (const part of parts) {
        const message = parsed(part);
        if (message.data !== undefined) yield message;
      }
    }
  } finally {
    await reader.cancel();
  }
}

function parsed(part) {
  const message = {};
  for (const line of part.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) message[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return message;
}
