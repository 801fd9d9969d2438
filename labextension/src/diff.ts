/** The difference between two texts, line by line. */

export type Line = {
  readonly kind: 'same' | 'removed' | 'added' | 'gap';
  readonly text: string;
};

/** Cells longer than this are compared as a whole: the table below grows with the product. */
const LIMIT = 2000;

/** What became of `before`: every line of both texts, in reading order. */
export function diff(before: string, after: string): Line[] {
  const a = before.split('\n');
  const b = after.split('\n');
  if (a.length > LIMIT || b.length > LIMIT) {
    return [...a.map(line('removed')), ...b.map(line('added'))];
  }
  const common = longestCommon(a, b);
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(line('same')(a[i++]!));
      j++;
    } else if (j >= b.length || (i < a.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      lines.push(line('removed')(a[i++]!));
    } else {
      lines.push(line('added')(b[j++]!));
    }
  }
  return lines;
}

/** What changed, with a few lines around it; a gap stands for the rest. */
export function folded(lines: readonly Line[], around = 2): Line[] {
  const near = (index: number): boolean =>
    lines.slice(Math.max(0, index - around), index + around + 1).some(item => item.kind !== 'same');
  const kept: Line[] = [];
  lines.forEach((item, index) => {
    if (near(index)) {
      kept.push(item);
    } else if (kept[kept.length - 1]?.kind !== 'gap') {
      kept.push({ kind: 'gap', text: '' });
    }
  });
  return kept;
}

function line(kind: Line['kind']): (text: string) => Line {
  return text => ({ kind, text });
}

/** How many lines `a` from `i` and `b` from `j` have in common, in order. */
function longestCommon(a: string[], b: string[]): number[][] {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i]![j] =
        a[i] === b[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!);
    }
  }
  return table;
}
