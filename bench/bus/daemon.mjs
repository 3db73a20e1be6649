// A dbus-daemon of the bench's own, with the limits of a session bus. It is ended by its process, never by its name.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const LIMITS = {
  max_incoming_bytes: 1_000_000_000,
  max_outgoing_bytes: 1_000_000_000,
  max_message_size: 1_000_000_000,
  max_connections_per_user: 100_000,
  max_completed_connections: 100_000,
  max_incomplete_connections: 10_000,
  max_match_rules_per_connection: 50_000,
  max_replies_per_connection: 50_000,
};

function configuration(socketPath) {
  const limits = Object.entries(LIMITS).map(([name, value]) => `  <limit name="${name}">${value}</limit>`);
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${socketPath}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
${limits.join('\n')}
</busconfig>
`;
}

/** Starts a daemon; rejects with why that is not possible. */
export async function startDaemon() {
  const directory = mkdtempSync(join(tmpdir(), 'bench-bus-'));
  const socketPath = join(directory, 'bus');
  const file = join(directory, 'bus.conf');
  writeFileSync(file, configuration(socketPath));
  const flags = [`--config-file=${file}`, '--nofork', '--nopidfile', '--nosyslog', '--print-address'];
  const child = spawn('dbus-daemon', flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (said) => (complaints = (complaints + said).slice(-1000)));
  // However this process ends, the daemon ends too.
  const cleanUp = () => {
    child.kill('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  const exited = new Promise((resolve) => child.once('close', resolve));
  const ended = exited.then(() => Promise.reject(new Error(`dbus-daemon ended: ${complaints.trim()}`)));
  ended.catch(() => {}); // later it ends because it must
  try {
    const address = once(createInterface({ input: child.stdout }), 'line');
    const failed = once(child, 'error').then(([error]) => Promise.reject(error));
    await Promise.race([address, failed, ended]);
  } catch (error) {
    cleanUp();
    throw error;
  }
  return {
    pid: child.pid,
    directory,
    socketPath,
    address: `unix:path=${socketPath}`,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      cleanUp();
      process.removeListener('exit', cleanUp);
    },
  };
}
