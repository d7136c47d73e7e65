import { element, elementsOf, firstOf, removeChild, type TreeElement } from '../pacemaker/cib-tree.ts';

/**
 * What of a CIB is ours, written into the CIB itself: a tag, Pacemaker's own means to name a number of ids. So it goes
 * through every backup, and every controller and every later run sees the same. Two things that have no id of their
 * own are named by a word: a node's entry, and a section that was made.
 */
export const OWNED_TAG = 'instance-ha';

const nodeRef = (name: string): string => `${OWNED_TAG}.node.${name}`;
const sectionRef = (name: string): string => `${OWNED_TAG}.section.${name}`;

export interface Owned {
  has(id: string): boolean;
  add(id: string): void;
  drop(id: string): void;
  hasNode(name: string): boolean;
  addNode(name: string): void;
  dropNode(name: string): void;
  hasSection(name: string): boolean;
  addSection(name: string): void;
  /** Every id, in the order in which they were taken up. */
  ids(): readonly string[];
}

/** What the tag of this configuration names. */
export function readOwned(configuration: TreeElement): Owned {
  const tag = tagOf(configuration);
  const ids = new Set(
    tag === null ? [] : elementsOf(tag, 'obj_ref').flatMap(({ attributes }) => attributes.id ?? []),
  );
  return {
    has: (id) => ids.has(id),
    add: (id) => void ids.add(id),
    drop: (id) => void ids.delete(id),
    hasNode: (name) => ids.has(nodeRef(name)),
    addNode: (name) => void ids.add(nodeRef(name)),
    dropNode: (name) => void ids.delete(nodeRef(name)),
    hasSection: (name) => ids.has(sectionRef(name)),
    addSection: (name) => void ids.add(sectionRef(name)),
    ids: () => [...ids],
  };
}

/** Writes it back; without anything in it there is no tag, and no section of tags that we made. */
export function writeOwned(configuration: TreeElement, owned: Owned): void {
  const before = tagOf(configuration);
  let tags = firstOf(configuration, 'tags');
  const isEmpty = owned.ids().every((id) => id.startsWith(`${OWNED_TAG}.section.`));
  if (isEmpty) {
    if (tags !== null && before !== null) removeChild(tags, before);
    removeOwnSections(configuration, owned);
    return;
  }
  if (tags === null) {
    owned.addSection('tags');
    tags = element('tags');
    configuration.children.push(tags);
  }
  const refs = owned.ids().map((id) => element('obj_ref', { id }));
  const tag = element('tag', { id: OWNED_TAG }, refs);
  if (before === null) tags.children.push(tag);
  else tags.children.splice(tags.children.indexOf(before), 1, tag);
}

/** The section of this name; made, and noted as ours, when it is not there. */
export function ensureSection(configuration: TreeElement, name: string, owned: Owned): TreeElement {
  const found = firstOf(configuration, name);
  if (found !== null) return found;
  const made = element(name);
  configuration.children.push(made);
  owned.addSection(name);
  return made;
}

function removeOwnSections(configuration: TreeElement, owned: Owned): void {
  for (const section of elementsOf(configuration)) {
    if (owned.hasSection(section.name) && section.children.length === 0) removeChild(configuration, section);
  }
}

function tagOf(configuration: TreeElement): TreeElement | null {
  return (
    elementsOf(configuration, 'tags')
      .flatMap((tags) => elementsOf(tags, 'tag'))
      .find(({ attributes }) => attributes.id === OWNED_TAG) ?? null
  );
}
