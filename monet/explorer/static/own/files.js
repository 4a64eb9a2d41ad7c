// Reads dropped or chosen folders and ZIP files, checks the limits, and uploads them.

import { lastStep } from "../engine/steps.js";

/** Limits of one upload, the same as the server's. */
const [MAX_FILES, MAX_BYTES] = [20_000, 2 ** 31];

/** @typedef {{path: string, file: File}} Sent */
/** @typedef {{name: string, files: Sent[]}} Chosen */

/** @param {File} file */
const isArchive = (file) => /\.zip$/i.test(file.name);
/** @param {string} path */
const hidden = (path) => path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");

/**
 * Whether a drop holds more than one picture; a single picture is left to Gradio's upload.
 * @param {DataTransfer} transfer
 */
export const isMany = (transfer) =>
  transfer.items.length > 1 ||
  [...transfer.items].some((item) => item.webkitGetAsEntry?.()?.isDirectory || /zip/.test(item.type)) ||
  [...transfer.files].some(isArchive);

/** @param {FileSystemEntry} entry @returns {entry is FileSystemFileEntry} */
const isFile = (entry) => entry.isFile;
/** @param {FileSystemEntry} entry @returns {entry is FileSystemDirectoryEntry} */
const isFolder = (entry) => entry.isDirectory;

/**
 * Lists all files of a drop, folders included.
 * @param {DataTransfer} transfer read synchronously, since it is empty after the event
 * @returns {Promise<Chosen>}
 * @throws {Error} with a sentence for people
 */
export async function dropped(transfer) {
  const items = [...transfer.items].map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  /** @type {Sent[]} */
  const files = [];
  /** @param {FileSystemEntry} entry @param {string} path @returns {Promise<void>} */
  const walk = async (entry, path) => {
    if (hidden(path)) return;
    if (isFile(entry)) {
      files.push({ path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
      if (files.length > MAX_FILES) throw tooMany();
      return;
    }
    if (!isFolder(entry)) return;
    const reader = entry.createReader();
    for (;;) {
      /** @type {FileSystemEntry[]} */
      const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most a hundred
      if (!batch.length) return;
      for (const each of batch) await walk(each, `${path}/${each.name}`);
    }
  };
  for (const { entry, file } of items) {
    if (entry) await walk(entry, entry.name);
    else if (file) files.push({ path: file.name, file });
  }
  return bounded(files);
}

/** @param {FileList | File[]} list of an input; with `webkitdirectory` the files have paths @returns {Chosen} */
export const chosen = (list) =>
  bounded(
    [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file })).filter(({ path }) => !hidden(path)),
  );

const tooMany = () =>
  new Error(
    `More than ${MAX_FILES.toLocaleString("en")} files: add them on the command line with python -m monet.data add.`,
  );

/** Checks the limits and strips a common folder. @param {Sent[]} files @returns {Chosen} */
function bounded(files) {
  if (!files.length) throw new Error("No files found in it.");
  if (files.length > MAX_FILES) throw tooMany();
  if (bytes(files) > MAX_BYTES)
    throw new Error(
      `${(bytes(files) / 2 ** 30).toFixed(1)} GB, more than 2: add the files on the command line with python -m monet.data add.`,
    );
  if (files.length > 1 && files.some(({ file }) => isArchive(file)))
    throw new Error("Drop one ZIP file alone, or a folder of pictures.");
  // A folder that contains everything gives the name and is removed from the paths.
  const [top] = files[0].path.split("/");
  const inside = files.every(({ path }) => path.startsWith(`${top}/`));
  const stem = inside ? top : isArchive(files[0].file) ? files[0].file.name.replace(/\.zip$/i, "") : "pictures";
  return {
    name: stem,
    files: inside ? files.map(({ path, file }) => ({ path: path.slice(top.length + 1), file })) : files,
  };
}

/** @param {Sent[]} files */
export const bytes = (files) => files.reduce((sum, { file }) => sum + file.size, 0);

/**
 * Uploads the files and reports the server's progress.
 * @param {Sent[]} files @param {string} name of the data set @param {string} fit
 * @param {(done: number, of: number) => void} progress @param {AbortSignal} signal
 * @returns {Promise<Report>}
 * @typedef {{name: string, taken: number, labelled: boolean, notes: string[], left_out: [string, string][], more: number}} Report
 * @throws {Error} with a sentence for people
 */
export async function send(files, name, fit, progress, signal) {
  const list = JSON.stringify({ files: files.map(({ path, file }) => ({ path, size: file.size })) });
  const address = new URL(`monet/own/${encodeURIComponent(name)}?${new URLSearchParams({ fit })}`, document.baseURI);
  const response = await fetch(address, {
    method: "POST",
    body: new Blob([list, "\n", ...files.map(({ file }) => file)]),
    headers: { "content-type": "application/octet-stream" },
    signal,
  });
  return (await lastStep(response, progress)).report;
}
