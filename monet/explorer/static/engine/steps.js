// Reads streamed responses: JSON lines with progress, then the result.

/**
 * Reads a response to its last line, the result.
 * @param {Response} response
 * @param {(done: number, of: number) => void} progress called for each earlier line
 * @returns {Promise<any>}
 * @throws {Error} with a sentence for people
 */
export async function lastStep(response, progress) {
  if (!response.ok) throw new Error(await response.text());
  if (!response.body) throw new Error("The server sent an empty response.");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The connection to the server was lost; try again.");
    text += value;
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const step = JSON.parse(line);
      if (step.refused) throw new Error(step.refused);
      if (!("done" in step)) return step;
      progress(step.done, step.of);
    }
  }
}
