// The API key of this tab. It is kept until the tab is closed, and sent as a header, never in an address.

const NAME = "tacit.key";

let ask = null;
let asking = null;

/** The key; null when there is none. */
export function key() {
  return sessionStorage.getItem(NAME);
}

/** Use a key from now on; null forgets it. */
export function setKey(value) {
  if (value === null) sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, value);
  document.dispatchEvent(new CustomEvent("keychange"));
}

/** Say how a person is asked for a key: a function of the reason that gives a promise of whether there is one now. */
export function whenKeyIsWanted(function_) {
  ask = function_;
}

/** Ask for a key; requests that want one at the same time share the question. */
export function wantKey(reason) {
  asking ??= ask(reason).finally(() => {
    asking = null;
  });
  return asking;
}
