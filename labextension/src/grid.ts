/** A grid of images as data: read with suspicion, ordered, and walked through; no DOM. */

/** As `maia_lab/bundle.py` writes it. */
export const GRID = 'application/vnd.maia.grid.v1+json';

/** Tiles, and characters of a text, that are shown at most: a notebook may come from anyone. */
const MOST = 400;
const LONGEST = 1000;
/** Width of a tile, in pixels, unless there are few. */
const USUAL = 128;

export interface Tile {
  /** Data URI. */
  readonly image: string;
  readonly width: number;
  readonly height: number;
  /** Data URI of what darkens the image where the unit is not active; null: nothing does. */
  readonly shade: string | null;
  readonly value: number | null;
  /** The value as it is written. */
  readonly label: string;
  readonly caption: string;
  /** Length of the activation's bar, 0 to 1; null: there is none. */
  readonly share: number | null;
}

export interface Grid {
  readonly alt: string;
  readonly columns: number;
  /** Whether it means something which tiles share a row. */
  readonly rows: boolean;
  readonly tiles: readonly Tile[];
}

/** Make sense of a grid's data; null: there is none to be made. */
export function readGrid(data: unknown): Grid | null {
  const found = data as Partial<Record<keyof Grid, unknown>> | null | undefined;
  if (!found || !Array.isArray(found.tiles) || found.tiles.length > MOST) {
    return null;
  }
  const tiles = found.tiles.map(readTile);
  if (!tiles.every(tile => tile !== null)) {
    return null;
  }
  const all = tiles as Tile[];
  const peak = Math.max(0, ...all.map(tile => tile.value ?? 0));
  return {
    alt: text(found.alt),
    columns: Math.min(size(found.columns) ?? 5, MOST),
    rows: found.rows === true,
    tiles: all.map(tile => ({ ...tile, share: share(tile.value, peak) }))
  };
}

/** Positions of the tiles in the order in which they are shown. */
export function ordered(grid: Grid, byValue: boolean): number[] {
  const all = grid.tiles.map((_, index) => index);
  const value = (index: number): number => grid.tiles[index]!.value ?? -Infinity;
  // Without a difference: two times minus infinity has none.
  const falls = (a: number, b: number): number =>
    value(a) === value(b) ? a - b : value(a) < value(b) ? 1 : -1;
  return byValue ? all.sort(falls) : all;
}

/** Whether there is another order than the one they came in. */
export function isSortable(grid: Grid): boolean {
  return ordered(grid, true).some((index, at) => index !== at);
}

/** How many times as wide as usual tiles are: a few large images have room to be seen. */
export function scale(grid: Grid): number {
  const most = [0, 2.5, 1.75, 1.75, 1.75][grid.tiles.length] ?? 1;
  const largest = Math.max(0, ...grid.tiles.map(tile => Math.max(tile.width, tile.height)));
  return Math.min(most, Math.max(1, largest / USUAL));
}

/** Where a key leads from one of so many places in so many columns; null: nowhere. */
export function led(key: string, from: number, count: number, columns: number): number | null {
  const ways = new Map([
    ['ArrowLeft', from - 1],
    ['ArrowRight', from + 1],
    ['ArrowUp', from - columns],
    ['ArrowDown', from + columns],
    ['Home', 0],
    ['End', count - 1]
  ]);
  const to = ways.get(key) ?? null;
  return to === null ? null : to < 0 || to >= count ? from : to;
}

/** The greatest and least activation as they are written; null: fewer than two have one. */
export function range(grid: Grid): [string, string] | null {
  const known = ordered(grid, true)
    .map(index => grid.tiles[index]!)
    .filter(tile => tile.value !== null);
  return known.length < 2 ? null : [known[0]!.label, known[known.length - 1]!.label];
}

/** The one picture of a mime bundle as a data URI; null: it has none. */
export function readPicture(bundle: { readonly [kind: string]: unknown }): string | null {
  for (const kind of ['image/png', 'image/jpeg']) {
    const file = bundle[kind];
    const uri = file === undefined ? null : dataUri(kind, String(file).replace(/\s/g, ''));
    if (uri !== null) {
      return uri;
    }
  }
  return null;
}

function readTile(data: unknown): Tile | null {
  const found = data as Partial<Record<keyof Tile, unknown>> | null | undefined;
  const image = dataUri('image/webp', found?.image);
  const width = size(found?.width);
  const height = size(found?.height);
  if (!found || image === null || width === null || height === null) {
    return null;
  }
  return {
    image,
    width,
    height,
    shade: dataUri('image/png', found.shade),
    value: typeof found.value === 'number' && Number.isFinite(found.value) ? found.value : null,
    label: text(found.label),
    caption: text(found.caption),
    share: null
  };
}

function dataUri(kind: string, file: unknown): string | null {
  return typeof file === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(file)
    ? `data:${kind};base64,${file}`
    : null;
}

function size(number: unknown): number | null {
  return Number.isInteger(number) && (number as number) > 0 && (number as number) <= 10_000
    ? (number as number)
    : null;
}

function text(words: unknown): string {
  return typeof words === 'string' ? words.slice(0, LONGEST) : '';
}

function share(value: number | null, peak: number): number | null {
  return value === null || peak <= 0 ? null : Math.min(1, Math.max(0, value / peak));
}
