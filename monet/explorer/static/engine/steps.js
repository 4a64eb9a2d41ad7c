// Answers of the server that come in lines of JSON while it works.

/**
 * The last line of an answer.
 * @param {Response} response
 * @param {(done: number, of: number) => void} progress told of the lines before it
 * @returns {Promise<any>}
 * @throws {Error} with a sentence for people
 */
export async function lastStep(response, progress) {
  if (!response.ok) throw new Error(await response.text());
  if (!response.body) throw new Error("The server sent nothing.");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The server went away; try again.");
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
