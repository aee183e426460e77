// Looking again and again, while somebody can see the page.

import { Problem } from "./api.js";

const EVERY_MS = 3000;

/**
 * Call `look` every few seconds until the signal says stop; not while the page lies behind others.
 *
 * Where the service does not answer, or not well, `onTrouble` hears of it, and the next look is made as ever. What it
 * refuses is thrown: asking again would not change it.
 */
export async function lookAgain(look, { signal, onTrouble }) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    await seen();
    if (signal.aborted) return;
    try {
      await look();
    } catch (error) {
      if (signal.aborted) return;
      const passing = error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500);
      if (!passing) throw error;
      onTrouble(error);
    }
  }
}

/** Wait until the page can be seen. */
async function seen() {
  while (document.hidden)
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}
