// Handshakes captured between other implementations, replayed with both of our state machines.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { AuthClient } from '../../src/auth/client.js';
import { decodeHex } from '../../src/auth/command.js';
import { cookieSha1, cookieSha1Server } from '../../src/auth/cookie-sha1.js';
import {
  anonymous,
  anonymousServer,
  type ClientMechanism,
  external,
  externalServer,
  type ServerMechanism,
} from '../../src/auth/mechanisms.js';
import { AuthServer } from '../../src/auth/server.js';
import { bytes, chunksOf, text } from './support.js';

interface Handshake {
  readonly name: string;
  readonly guid: string;
  /** DBUS_COOKIE_SHA1 only: the lines of the cookie file. */
  readonly cookies?: readonly string[];
  readonly exchange: readonly {
    readonly from: 'client' | 'server';
    readonly handshake: string;
    readonly message: readonly string[];
  }[];
}

const directory = new URL('../../fixtures/handshakes/', import.meta.url);
const fixtures: readonly Handshake[] = readdirSync(directory)
  .filter((file) => file.endsWith('.json'))
  .map((file): Handshake => JSON.parse(readFileSync(new URL(file, directory), 'utf8')));

/** All that one side said in the handshake, and its first messages. */
function spokenBy(fixture: Handshake, side: 'client' | 'server'): { lines: string; messages: string } {
  const turns = fixture.exchange.filter(({ from }) => from === side);
  return {
    lines: turns.map(({ handshake }) => handshake).join(''),
    messages: turns.map(({ message }) => text(decodeHex(message.join('')))).join(''),
  };
}

/** The decoded hex of the only line of that kind. */
function dataOf(fixture: Handshake, side: 'client' | 'server'): string {
  const hex = /^DATA ([0-9a-f]+)\r$/m.exec(spokenBy(fixture, side).lines)?.[1];
  return text(decodeHex(hex ?? ''));
}

function sha1(hashed: string): string {
  return createHash('sha1').update(hashed).digest('hex');
}

/** The cookie, and both challenges, as they were in the captured exchange. ‹DBUS_COOKIE_SHA1› */
function cookieSecrets(fixture: Handshake) {
  const [, id, challenge] = dataOf(fixture, 'server').split(' ');
  const cookie = fixture.cookies?.find((line) => line.startsWith(`${id} `))?.split(' ')[2];
  const [clientChallenge] = dataOf(fixture, 'client').split(' ');
  return { challenge: challenge ?? '', clientChallenge: clientChallenge ?? '', cookie: cookie ?? '' };
}

/** With the captured client's random challenge. */
function cookieClient(fixture: Handshake): ClientMechanism {
  const { clientChallenge, cookie } = cookieSecrets(fixture);
  return cookieSha1({ uid: '0', findCookie: () => cookie, sha1, challenge: () => clientChallenge });
}

/** With the captured server's random challenge. */
function cookieServer(fixture: Handshake): ServerMechanism {
  const { challenge, cookie } = cookieSecrets(fixture);
  const [context = '', id = ''] = dataOf(fixture, 'server').split(' ');
  return cookieSha1Server({
    uid: '0', takeCookie: () => ({ context, id, secret: cookie }), sha1, challenge: () => challenge,
  });
}

const uid0 = external({ uid: '0' });

interface ClientSetup {
  readonly mechanisms: (fixture: Handshake) => readonly ClientMechanism[];
  /** The bytes that it sends to the captured server; `=` means the same as the captured client. */
  readonly says: string;
}

const clients: Readonly<Record<string, ClientSetup>> = {
  'anonymous-glib-to-glib': {
    mechanisms: () => [uid0, anonymous({ trace: 'GDBus 0.1' })],
    says: '\0AUTH EXTERNAL 30\r\nAUTH ANONYMOUS 474442757320302e31\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n',
  },
  'cookie-glib': {
    mechanisms: (fixture) => [cookieClient(fixture), cookieClient(fixture)],
    says: '\0AUTH DBUS_COOKIE_SHA1 30\r\n=',
  },
  'cookie-libdbus': { mechanisms: (fixture) => [uid0, cookieClient(fixture)], says: '=' },
  'external-glib-to-glib': {
    mechanisms: () => [uid0],
    says: '\0AUTH EXTERNAL 30\r\nAUTH EXTERNAL\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n',
  },
  'external-glib': {
    mechanisms: () => [uid0],
    says: '\0AUTH EXTERNAL 30\r\nAUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n',
  },
  'external-libdbus': { mechanisms: () => [uid0], says: '=' },
  'external-libdbus-to-glib': { mechanisms: () => [uid0], says: '=' },
  'external-sd-bus': { mechanisms: () => [external()], says: '=' },
};

describe('captured handshakes', () => {
  test('are all replayed', () => {
    expect(fixtures.map(({ name }) => name).sort()).toEqual(Object.keys(clients).sort());
  });

  test.each(fixtures)('$name: our client with that server', (fixture) => {
    const { mechanisms, says } = clients[fixture.name] ?? { mechanisms: () => [], says: '' };
    const { lines, messages } = spokenBy(fixture, 'server');
    const stream = lines + messages;
    const captured = spokenBy(fixture, 'client').lines
      .replace(/^\0(AUTH\r\n)?/, says === '=' ? '\0' : '');
    for (const size of [1, 2, 5, 16, 64, stream.length]) {
      const client = new AuthClient({ mechanisms: mechanisms(fixture), negotiateUnixFds: true });
      let said = text(client.start());
      let rest: string | undefined;
      for (const chunk of chunksOf(bytes(stream), size)) {
        if (rest !== undefined) {
          rest += text(chunk);
          continue;
        }
        const { send, done } = client.receive(chunk);
        said += text(send);
        if (done === undefined) continue;
        expect(done.guid).toBe(fixture.guid);
        rest = text(done.rest);
      }
      expect(said).toBe(says.replace('=', captured));
      expect(rest).toBe(messages);
    }
  });

  test.each(fixtures)('$name: our server with that client', (fixture) => {
    const { lines, messages } = spokenBy(fixture, 'client');
    const captured = spokenBy(fixture, 'server').lines;
    const offered = /^REJECTED (.*)\r$/m.exec(captured)?.[1]?.split(' ') ?? ['EXTERNAL'];
    const known: Readonly<Record<string, ServerMechanism>> = {
      EXTERNAL: externalServer((claimed) => (claimed ?? '0') === '0' ? '0' : undefined),
      DBUS_COOKIE_SHA1: cookieServer(fixture),
      ANONYMOUS: anonymousServer(),
    };
    const mechanisms = offered.flatMap((name) => known[name] ?? []);
    for (const size of [1, 2, 5, 16, 64, lines.length + messages.length]) {
      const server = new AuthServer({ guid: fixture.guid, mechanisms });
      let said = '';
      let rest: string | undefined;
      for (const chunk of chunksOf(bytes(lines + messages), size)) {
        if (rest !== undefined) {
          rest += text(chunk);
          continue;
        }
        const { send, done, disconnect } = server.receive(chunk);
        expect(disconnect).toBeUndefined();
        said += text(send);
        if (done === undefined) continue;
        expect(done.identity).toBe(done.mechanism === 'ANONYMOUS' ? undefined : '0');
        rest = text(done.rest);
      }
      expect(said).toBe(captured.replace('AGREE_UNIX_FD', 'ERROR Descriptors cannot be passed'));
      expect(rest).toBe(messages);
    }
  });
});
