// The clipboard, where the browser lets the page use it.

/**
 * @param {string} text
 * @returns {Promise<boolean>} false where there is none for us, as without a secure address: then people copy by hand
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
