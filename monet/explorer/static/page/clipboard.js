// Copies text to the clipboard.

/**
 * @param {string} text
 * @returns {Promise<boolean>} false if the browser refuses, as it does without HTTPS
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
