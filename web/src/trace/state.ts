import { batch, computed, signal } from '@preact/signals';
import { criticalPath } from './critical.ts';
import { findRows, hasChildren, nextMatch, none, rowOfSpan, spanIdOf, type TraceModel } from './model.ts';
import { clampSpan, zoomSpan, type TimeSpan } from './range.ts';
import { foldToDepth, positionOf, revealed, toggled, unfolded, type Fold } from './visible.ts';

/** The ways to look at a trace. */
export type View = 'timeline' | 'flame' | 'statistics';

export const views: readonly View[] = ['timeline', 'flame', 'statistics'];

/** What the reader of one trace has chosen. Views read the signals; only methods write them. */
export class TraceState {
  readonly #fold;
  readonly #cursor = signal(0);
  readonly #opened = signal(false);
  readonly #range;
  readonly #query = signal('');
  readonly #service = signal(none);
  readonly #wanted = signal(0);
  readonly #critical = signal(true);
  readonly #view = signal<View>('timeline');
  /** First and last visible position on screen, kept by the timeline for the minimap. */
  readonly onScreen = signal({ first: 0, end: 0 });
  readonly matches = computed(() => findRows(this.model, this.#query.value));
  readonly path = computed(() => criticalPath(this.model));
  readonly matchSet = computed(() => new Set(this.matches.value));

  constructor(readonly model: TraceModel) {
    this.#fold = signal<Fold>(unfolded(model));
    this.#range = signal<TimeSpan>(clampSpan({ start: 0, end: model.header.durationNanos }, model.header.durationNanos));
  }

  get total(): number {
    return this.model.header.durationNanos;
  }
  get fold(): Fold {
    return this.#fold.value;
  }
  /** The current row: where the keyboard is, and whose details are shown. */
  get cursor(): number {
    return this.#cursor.value;
  }
  get opened(): boolean {
    return this.#opened.value;
  }
  get range(): TimeSpan {
    return this.#range.value;
  }
  get zoomed(): boolean {
    const { start, end } = this.#range.value;
    return start > 0 || end < this.total;
  }
  get query(): string {
    return this.#query.value;
  }
  /** Service whose spans stand out, by index; none for all. */
  get service(): number {
    return this.#service.value;
  }
  get view(): View {
    return this.#view.value;
  }
  /** Whether the critical path is drawn. */
  get critical(): boolean {
    return this.#critical.value;
  }
  /** Changes whenever the cursor's row should be scrolled into view. */
  get wanted(): number {
    return this.#wanted.value;
  }
  /** Span id of the opened details, or "". */
  get openedSpan(): string {
    return this.#opened.value ? spanIdOf(this.model, this.#cursor.value) : '';
  }

  /** Moves to a row, expanding what hides it. */
  goTo(row: number): void {
    if (row < 0 || row >= this.model.rows) return;
    batch(() => {
      this.#fold.value = revealed(this.model, this.#fold.peek(), row);
      this.#cursor.value = row;
      this.#wanted.value++;
    });
  }

  /** Moves by positions among the visible rows. */
  step(by: number): void {
    const { visible } = this.#fold.peek();
    const at = positionOf(visible, this.#cursor.peek()) + by;
    this.goTo(visible[Math.min(Math.max(at, 0), visible.length - 1)]!);
  }

  open(row: number): void {
    batch(() => {
      this.#cursor.value = row;
      this.#opened.value = true;
    });
  }

  close(): void {
    this.#opened.value = false;
  }

  openSpan(id: string): void {
    const row = rowOfSpan(this.model, id);
    if (row === none) return;
    this.goTo(row);
    this.#opened.value = true;
  }

  isCollapsed(row: number): boolean {
    return this.#fold.value.collapsed[row] === 1;
  }

  /** Collapses or expands a row, and goes there when that hides the cursor. */
  setCollapsed(row: number, collapse: boolean): void {
    if (!hasChildren(this.model, row)) return;
    batch(() => {
      this.#fold.value = toggled(this.model, this.#fold.peek(), row, collapse);
      const cursor = this.#cursor.peek();
      if (collapse && cursor > row && cursor < this.model.subtreeEnd[row]!) this.#cursor.value = row;
    });
  }

  /** Collapses everything below the roots' children, or expands everything. */
  foldAll(collapse: boolean): void {
    batch(() => {
      this.#fold.value = collapse ? foldToDepth(this.model, 1) : unfolded(this.model);
      const { visible } = this.#fold.peek();
      this.#cursor.value = visible[positionOf(visible, this.#cursor.peek())]!;
      this.#wanted.value++;
    });
  }

  find(text: string): void {
    batch(() => {
      this.#query.value = text;
      if (this.matches.value.length > 0) this.goTo(nextMatch(this.matches.value, -1, 1));
    });
  }

  nextMatch(step: 1 | -1): void {
    this.goTo(nextMatch(this.matches.peek(), this.#cursor.peek(), step));
  }

  nextError(): void {
    this.goTo(nextMatch(this.model.errorRows, this.#cursor.peek(), 1));
  }

  show(range: TimeSpan): void {
    this.#range.value = clampSpan(range, this.total);
  }

  showAll(): void {
    this.show({ start: 0, end: this.total });
  }

  /** Zooms around the middle of the cursor's span. */
  zoom(factor: number): void {
    const row = this.#cursor.peek();
    const range = this.#range.peek();
    const middle = this.model.start[row]! + this.model.duration[row]! / 2;
    const around = middle >= range.start && middle <= range.end ? middle : (range.start + range.end) / 2;
    this.#range.value = zoomSpan(range, factor, around, this.total);
  }

  /** Fits the cursor's span into view with a little room around it. */
  zoomToCursor(): void {
    const row = this.#cursor.peek();
    const room = this.model.duration[row]! * 0.05;
    const start = this.model.start[row]! - room;
    this.show({ start, end: start + this.model.duration[row]! + 2 * room });
  }

  choose(view: View): void {
    this.#view.value = view;
  }

  toggleCritical(): void {
    this.#critical.value = !this.#critical.peek();
  }

  toggleService(service: number): void {
    this.#service.value = this.#service.peek() === service ? none : service;
  }
}
