import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Drawn beyond what can be seen, px, so that scrolling meets no gap. */
const OVERSCAN_PX = 400;

interface GridProps {
  readonly count: number;
  readonly minWidth: number;
  readonly rowHeight: number;
  readonly gap: number;
  readonly label: string;
  /** A few share the whole width. */
  readonly stretch?: boolean;
  readonly item: (index: number) => ComponentChildren;
  readonly keyOf: (index: number) => string;
}

interface Frame {
  readonly columns: number;
  readonly from: number;
  readonly to: number;
}

/** A list in columns of which only what can be seen is drawn, whatever it is that scrolls. Arrow keys go through it. */
export function VirtualGrid(props: GridProps): JSX.Element {
  const { count, minWidth, rowHeight, gap, label, item, keyOf } = props;
  const box = useRef<HTMLUListElement>(null);
  const [frame, setFrame] = useState<Frame>({ columns: 1, from: 0, to: 0 });
  const wanted = useRef<number | null>(null);
  const stride = rowHeight + gap;

  function measure(): void {
    const element = box.current;
    if (element === null) return;
    const { top, width } = element.getBoundingClientRect();
    const fit = Math.max(1, Math.floor((width + gap) / (minWidth + gap)));
    const columns = props.stretch === true ? Math.max(1, Math.min(fit, count)) : fit;
    const rows = Math.ceil(count / columns);
    const from = Math.min(rows, Math.max(0, Math.floor((-top - OVERSCAN_PX) / stride)));
    const to = Math.min(rows, Math.max(from, Math.ceil((window.innerHeight - top + OVERSCAN_PX) / stride)));
    setFrame((held) =>
      held.columns === columns && held.from === from && held.to === to ? held : { columns, from, to },
    );
  }

  useLayoutEffect(measure);
  useEffect(() => {
    let isDue = false;
    const soon = (): void => {
      if (isDue) return;
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        measure();
      });
    };
    // Captured: a scroll of any element around it counts.
    document.addEventListener('scroll', soon, { capture: true, passive: true });
    const observer = new ResizeObserver(soon);
    observer.observe(document.documentElement);
    if (box.current !== null) observer.observe(box.current);
    return () => {
      document.removeEventListener('scroll', soon, { capture: true });
      observer.disconnect();
    };
  }, [count, minWidth, rowHeight, gap]);

  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const element = box.current?.querySelector<HTMLElement>(
      `[data-index="${wanted.current}"] :is(button, a)`,
    );
    if (element === null || element === undefined) return;
    wanted.current = null;
    element.focus();
  });

  function onKeyDown(event: KeyboardEvent): void {
    const step = stepOf(event.key, frame.columns, count);
    const cell = (event.target as HTMLElement).closest<HTMLElement>('[data-index]');
    if (step === null || cell === null) return;
    event.preventDefault();
    const index = Math.min(count - 1, Math.max(0, Number(cell.dataset.index) + step));
    wanted.current = index;
    const element = box.current;
    if (element === null) return;
    const y = element.getBoundingClientRect().top + Math.floor(index / frame.columns) * stride;
    if (y < 80 || y + rowHeight > window.innerHeight - 20)
      scrollerOf(element).scrollBy({ top: y - window.innerHeight / 2 });
    measure();
    setFrame((held) => ({ ...held }));
  }

  const rows = Math.ceil(count / frame.columns);
  const first = frame.from * frame.columns;
  const last = Math.min(count, frame.to * frame.columns);
  const width = `calc((100% - ${(frame.columns - 1) * gap}px) / ${frame.columns})`;
  const cells = [];
  for (let index = first; index < last; index++) {
    const column = index % frame.columns;
    const row = Math.floor(index / frame.columns);
    cells.push(
      <li
        key={keyOf(index)}
        class="cell"
        data-index={index}
        aria-setsize={count}
        aria-posinset={index + 1}
        style={{
          width,
          height: `${rowHeight}px`,
          top: `${row * stride}px`,
          left: `calc((${width} + ${gap}px) * ${column})`,
        }}
      >
        {item(index)}
      </li>,
    );
  }
  return (
    <ul
      ref={box}
      aria-label={label}
      class="virtual"
      style={{ height: `${Math.max(0, rows * stride - gap)}px` }}
      onKeyDown={onKeyDown}
    >
      {cells}
    </ul>
  );
}

function stepOf(key: string, columns: number, count: number): number | null {
  switch (key) {
    case 'ArrowRight':
      return 1;
    case 'ArrowLeft':
      return -1;
    case 'ArrowDown':
      return columns;
    case 'ArrowUp':
      return -columns;
    case 'Home':
      return -count;
    case 'End':
      return count;
    default:
      return null;
  }
}

function scrollerOf(element: HTMLElement): Element {
  for (let at = element.parentElement; at !== null; at = at.parentElement)
    if (at.scrollHeight > at.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(at).overflowY))
      return at;
  return document.scrollingElement ?? document.documentElement;
}
