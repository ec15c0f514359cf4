// @ts-check
/** Proof that who redeems a code is who asked for it: RFC 7636. */

/** Random words that nobody guesses: 32 bytes, as letters that an address may hold. */
export function randomWords() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/**
 * What is shown of a verifier while it is still secret.
 * @param {string} verifier
 */
export async function challengeOf(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
