/** A picture as it is laid out, and the measures that its parts and its arrows share. */
import type { PartKind, PlannedPart, Way } from './plan.ts';
import type { Tracks } from './tracks.ts';

export interface ChartNode extends Omit<PlannedPart, 'kind' | 'regions'> {
  readonly kind: PartKind | 'start';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Its name, where it is written above a call. */
  readonly lines: readonly string[];
  /** The innermost frame around it; `null` where it stands by itself. */
  readonly frame: string | null;
  /** Of a frame: its regions with their names, and where each begins. */
  readonly regions: readonly { readonly name: string; readonly y: number }[];
  /** Room for the label that stands beside a choice. */
  readonly labelMax: number;
}

export interface ChartEdge extends Way {
  /** Data of an SVG path. */
  readonly path: string;
  /** Where the answer stands that leads this way. */
  readonly saysAt: { readonly x: number; readonly y: number; readonly isEnd: boolean } | null;
}

export interface Chart {
  readonly machine: string;
  readonly version: string;
  readonly width: number;
  readonly height: number;
  readonly columnWidth: number;
  readonly nodes: readonly ChartNode[];
  readonly edges: readonly ChartEdge[];
  /** Where nothing above is undone any more: from the left end to the right, and where the words begin. */
  readonly pivots: readonly {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly textX: number;
  }[];
}

/** Measures that follow from what is in a machine. */
export interface Grid {
  readonly columnWidth: number;
  readonly stepHeight: number;
  /** Of the outermost, frames included. */
  readonly left: number;
  readonly right: number;
  /** Where the parts themselves begin. */
  readonly column: { readonly left: number; readonly right: number };
  /** Between a frame and what is in it, on its left: there is room for arrows past rows. */
  readonly insetLeft: number;
  /** So many frames are inside each other. */
  readonly depth: number;
  readonly rail: number;
  readonly tracks: Tracks;
}

export const FRAME = { head: 26, region: 16, foot: 12 } as const;
/** Between two arrows that go past rows beside each other. */
export const TRACK = 8;
