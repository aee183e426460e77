// Fits that have draws which are no posterior.

/** Whether a fit was computed to its end and has not converged. */
export function notConverged(fit) {
  return fit.error?.code === "not_converged";
}

/** What a request for the draws of a fit has to say, beside the rest, so that they are given. */
export function askingAnyway(fit) {
  return notConverged(fit) ? { unconverged: true } : {};
}
