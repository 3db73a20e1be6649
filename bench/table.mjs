// The one table, in Markdown, so that it reads in a terminal and can be kept as it is.

/** The contestants in the order of the columns. */
export const COLUMNS = [
  'baseline', 'dbus-native', 'dbus-next', 'jellybrick', 'homebridge', 'libdbus', 'sd-bus', 'floor', 'copy', 'memcpy',
  'dbus-daemon', 'dbus-broker',
];

export function formatNs(ns) {
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(ns < 1e4 ? 2 : 1)} µs`;
  return `${(ns / 1e6).toFixed(2)} ms`;
}

export const formatBytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

export function formatRatio(ratio) {
  if (ratio === undefined) return '';
  if (ratio < 0.0995) return ratio.toFixed(3);
  return ratio < 9.95 ? ratio.toFixed(2) : ratio.toFixed(0);
}

function formatGoals(goals) {
  const verdict = ({ against, met, ratio, bestRatio, found }) => {
    if (met === undefined) return `${against} not measured`;
    return met ? [] : (found ?? `**${formatRatio(ratio)}** × ${against} (best ${formatRatio(bestRatio)})`);
  };
  return [
    goals.map(({ against, atMost, text }) => text ?? `${atMost} × ${against}`).join(', '),
    goals.flatMap(verdict).join(', ') || (goals.length > 0 ? 'yes' : ''),
  ];
}

/**
 * `rows` are `{ case, direction, contestants, goals }`, with `format` where ours is no time; columns that nobody took
 * part in are left out.
 */
export function formatTable(rows) {
  const columns = COLUMNS.filter((name) => rows.some(({ contestants }) => name in contestants));
  const head = ['case', 'ours', ...columns, 'at most', 'met'];
  const lines = rows.map((row) => [
    row.direction === undefined ? row.case : `${row.case} ${row.direction}`,
    (row.format ?? formatNs)(row.contestants.ours.medianNs),
    ...columns.map((name) => formatRatio(row.contestants[name]?.ratio)),
    ...formatGoals(row.goals),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i].length)));
  const isText = (i) => i === 0 || i >= head.length - 2;
  const format = (cells) =>
    `| ${cells.map((cell, i) => (isText(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rules = widths.map((width, i) => (isText(i) ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`));
  return [format(head), `|${rules.join('|')}|`, ...lines.map(format)].join('\n');
}
