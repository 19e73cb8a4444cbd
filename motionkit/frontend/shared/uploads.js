// Files between the browser and the kernel, up and down, in pieces; motionkit/widgets/uploads.py is the other side.

const CHUNK = 256 * 1024; // bytes
const AHEAD = 4; // pieces under way at once: the channel's latency is then paid once for four
const SILENCE = 60; // seconds without an answer after which the kernel counts as gone

/** Both directions for one view of a widget. Call `handle` with each message from the kernel. */
export function makeFileExchange(model) {
  const waiting = new Map(); // takes the answer, by the exchange's id

  /** One exchange: `begin(id)` asks for the first pieces, `step(id, …answer)` for the next; true when all is done. */
  async function exchange(begin, step) {
    const id = Math.random().toString(36).slice(2);
    let watch;
    try {
      await new Promise((resolve, reject) => {
        const wind = () => {
          clearTimeout(watch);
          watch = setTimeout(
            () => reject(new Error("The kernel does not answer. It may be busy with a cell, or restarted.")),
            SILENCE * 1000,
          );
        };
        waiting.set(id, (content, buffers) => {
          wind();
          if (content.kind === "transfer-failed") reject(new Error(content.error));
          else Promise.resolve(step(id, content, buffers)).then((done) => done && resolve(), reject);
        });
        wind();
        Promise.resolve(begin(id)).catch(reject);
      });
    } finally {
      clearTimeout(watch);
      waiting.delete(id);
    }
  }

  return {
    /**
     * Send a File or Blob; the kernel gets it whole, with the note.
     * @param {(share: number) => void} onProgress Called with 0 to 1.
     */
    async upload(blob, name, note, onProgress = () => {}) {
      if (blob.size === 0) throw new Error("The file is empty.");
      let sent = 0;
      const next = async (id) => {
        if (sent >= blob.size) return;
        const offset = sent;
        sent = Math.min(sent + CHUNK, blob.size);
        const data = await blob.slice(offset, sent).arrayBuffer();
        model.send({ kind: "upload", id, name, note, size: blob.size, offset }, undefined, [data]);
      };
      const begin = async (id) => {
        for (let i = 0; i < AHEAD; i += 1) await next(id);
      };
      await exchange(begin, async (id, content) => {
        onProgress(content.done / blob.size);
        if (content.done >= blob.size) return true;
        await next(id);
        return false;
      });
    },

    /** Fetch the file that the kernel knows by this name, as a Blob. */
    async download(name, type, onProgress = () => {}) {
      const parts = [];
      let asked = 0;
      let got = 0;
      const ask = (id) => {
        model.send({ kind: "download", id, name, offset: asked });
        asked += CHUNK;
      };
      await exchange(ask, (id, content, buffers) => {
        parts[content.offset / CHUNK] = buffers[0];
        got += buffers[0].byteLength;
        onProgress(got / content.size);
        const ahead = content.offset === 0 ? AHEAD : 1;
        for (let i = 0; i < ahead && asked < content.size; i += 1) ask(id);
        return got >= content.size;
      });
      return new Blob(parts, { type });
    },

    /** Take a message from the kernel; false if it is about something else. */
    handle(content, buffers) {
      if (!["upload-ack", "chunk", "transfer-failed"].includes(content.kind)) return false;
      waiting.get(content.id)?.(content, buffers);
      return true;
    },

    /** Give up all that is under way. */
    close() {
      for (const id of waiting.keys()) model.send({ kind: "upload-stop", id });
      waiting.clear();
    },
  };
}
