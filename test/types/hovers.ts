// Asks the language server of the project's own compiler what an editor shows: the type and the documentation of a name
// that the pointer is on. The text of a test imports `SRC/…` as the declarations of dist/.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repository } from './support.js';

/** A connection to the language server: JSON-RPC with a header before each message. */
class LanguageServer {
  readonly #server = spawn(join(repository, 'node_modules', '.bin', 'tsc'), ['--lsp', '--stdio'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  readonly #waiting = new Map<number, (result: unknown) => void>();
  readonly exited = new Promise<void>((resolve) => void this.#server.once('exit', () => resolve()));
  #received = Buffer.alloc(0);
  #id = 0;

  constructor() {
    this.#server.stdout.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#read();
    });
  }

  notify(method: string, params: object): void {
    this.#send({ method, params });
  }

  request(method: string, params: object): Promise<unknown> {
    const id = ++this.#id;
    this.#send({ id, method, params });
    return new Promise((resolve) => void this.#waiting.set(id, resolve));
  }

  end(): Promise<void> {
    this.#server.kill();
    return this.exited;
  }

  #send(message: object): void {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.#server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  #read(): void {
    for (;;) {
      const head = this.#received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(this.#received.toString('latin1', 0, head))?.[1]);
      if (this.#received.length < head + 4 + length) return;
      const text = this.#received.toString('utf8', head + 4, head + 4 + length);
      this.#received = this.#received.subarray(head + 4 + length);
      const { id, method, result } = JSON.parse(text) as { id?: number; method?: string; result?: unknown };
      // The server asks too, such as to register capabilities: each question gets an empty answer.
      if (method !== undefined && id !== undefined) this.#send({ id, result: null });
      else if (id !== undefined) this.#waiting.get(id)?.(result);
    }
  }
}

/** The text that an editor shows for each name after a comment that is only a caret, in one line each. */
export async function hovers(text: string): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'dbus-wire-hovers-'));
  const server = new LanguageServer();
  try {
    const file = join(directory, 'case.ts');
    const content = text.replaceAll('SRC/', join(repository, 'dist/'));
    await writeFile(file, content);
    await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({
      extends: join(repository, 'tsconfig.json'),
      compilerOptions: {
        noEmit: true, rootDir: '/', typeRoots: [join(repository, 'node_modules/@types')], types: ['node'],
      },
      include: ['case.ts'],
    }));
    const uri = pathToFileURL(file).href;
    await server.request('initialize', {
      processId: process.pid, rootUri: pathToFileURL(directory).href,
      capabilities: { textDocument: { hover: { contentFormat: ['plaintext'] } } },
    });
    server.notify('initialized', {});
    server.notify('textDocument/didOpen', {
      textDocument: { uri, languageId: 'typescript', version: 1, text: content },
    });
    const shown: string[] = [];
    for (const { index } of content.matchAll(/\/\*\^\*\//g)) {
      const lines = content.slice(0, index + '/*^*/'.length).split('\n');
      const position = { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 };
      const hover = await server.request('textDocument/hover', { textDocument: { uri }, position });
      const { contents } = (hover ?? { contents: '' }) as { contents: string | { value: string } };
      shown.push((typeof contents === 'string' ? contents : contents.value).replace(/\s+/g, ' ').trim());
    }
    return shown;
  } finally {
    await server.end();
    await rm(directory, { recursive: true, force: true });
  }
}
