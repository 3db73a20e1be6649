// The tree of exported objects: nodes, parents, the order of interfaces, and what is removed.

import { describe, expect, test } from 'vitest';
import { defineInterface } from '../../src/interface/define.js';
import { ExportError } from '../../src/service/errors.js';
import { exportedInterface, type ExportedInterface } from '../../src/service/exported-interface.js';
import { ObjectTree } from '../../src/service/object-tree.js';
import { InvalidNameError } from '../../src/wire/errors.js';
import { heavyTest } from '../support/extent.js';
import { expectProportionalWork } from '../support/work.js';

const exported = (name: string): ExportedInterface => exportedInterface(defineInterface({ name }).implement({}));
const children = (tree: ObjectTree, path: string): string[] | undefined => {
  const node = tree.get(path);
  return node && [...node.children];
};

describe('the object tree', () => {
  test('has only a root before anything is exported', () => {
    const tree = new ObjectTree();
    expect(tree.get('/')).toMatchObject({ path: '/' });
    expect(children(tree, '/')).toEqual([]);
    expect(tree.get('/com')).toBeUndefined();
  });

  test('has every parent of an exported path', () => {
    const tree = new ObjectTree();
    tree.add('/com/example/A', [exported('com.example.A')]);
    tree.add('/com/example/B', [exported('com.example.A')]);
    tree.add('/com/other', [exported('com.example.A')]);
    expect(children(tree, '/')).toEqual(['com']);
    expect(children(tree, '/com')).toEqual(['example', 'other']);
    expect(children(tree, '/com/example')).toEqual(['A', 'B']);
    expect(children(tree, '/com/example/A')).toEqual([]);
    expect(tree.get('/com/example')?.interfaces.size).toBe(0);
    expect(tree.get('/com/exam')).toBeUndefined();
    expect(tree.get('/com/example/')).toBeUndefined();
    expect(tree.get('')).toBeUndefined();
  });

  test('keeps the interfaces of an object in the order of export', () => {
    const tree = new ObjectTree();
    tree.add('/a', [exported('com.example.Z'), exported('com.example.A')]);
    tree.add('/a', [exported('com.example.M')]);
    expect([...(tree.get('/a')?.interfaces.keys() ?? [])]).toEqual(['com.example.Z', 'com.example.A', 'com.example.M']);
  });

  test('has objects at the root itself', () => {
    const tree = new ObjectTree();
    const root = exported('com.example.Root');
    tree.add('/', [root]);
    expect(tree.get('/')?.interfaces.get('com.example.Root')).toBe(root);
    tree.remove('/', [root]);
    expect(tree.get('/')?.interfaces.size).toBe(0);
  });

  test('has objects below and above other objects', () => {
    const tree = new ObjectTree();
    const [upper, lower] = [exported('com.example.A'), exported('com.example.A')];
    tree.add('/a/b/c', [lower]);
    tree.add('/a', [upper]);
    expect(children(tree, '/a')).toEqual(['b']);
    tree.remove('/a', [upper]);
    expect(children(tree, '/a')).toEqual(['b']);
    expect(tree.get('/a/b/c')?.interfaces.size).toBe(1);
  });

  test('removes exactly the parents that have no objects below them anymore', () => {
    const tree = new ObjectTree();
    const [a, b] = [exported('com.example.A'), exported('com.example.A')];
    tree.add('/x/y/a', [a]);
    tree.add('/x/b', [b]);
    tree.remove('/x/y/a', [a]);
    expect(tree.get('/x/y')).toBeUndefined();
    expect(children(tree, '/x')).toEqual(['b']);
    tree.remove('/x/b', [b]);
    expect(tree.get('/x')).toBeUndefined();
    expect(children(tree, '/')).toEqual([]);
  });

  test('removes interfaces by identity: an interface that is exported again is not removed with the old one', () => {
    const tree = new ObjectTree();
    const [old, fresh] = [exported('com.example.A'), exported('com.example.A')];
    tree.add('/a', [old]);
    tree.remove('/a', [old]);
    tree.add('/a', [fresh]);
    tree.remove('/a', [old]);
    expect(tree.get('/a')?.interfaces.get('com.example.A')).toBe(fresh);
  });

  test('does not change if an interface that it does not have is removed', () => {
    const tree = new ObjectTree();
    tree.add('/a/b', [exported('com.example.A')]);
    tree.remove('/c', [exported('com.example.A')]);
    tree.remove('/a', []);
    expect(children(tree, '/a')).toEqual(['b']);
  });

  test('has no object at a path to which no interface was added', () => {
    const tree = new ObjectTree();
    tree.add('/a/b', []);
    expect(tree.get('/a')).toBeUndefined();
  });

  test.each([
    ['an interface that the object has', ['com.example.B', 'com.example.A']],
    ['an interface that is twice in the list', ['com.example.B', 'com.example.B']],
  ])('refuses %s, and adds none of the list', (_, names) => {
    const tree = new ObjectTree();
    tree.add('/a', [exported('com.example.A')]);
    const add = (): void => tree.add('/a', names.map(exported));
    expect(add).toThrow(ExportError);
    expect(add).toThrow(expect.objectContaining({ code: 'INTERFACE_EXPORTED', path: '/a', interface: names[1] }));
    expect([...(tree.get('/a')?.interfaces.keys() ?? [])]).toEqual(['com.example.A']);
  });

  test.each(['', 'a', '/a/', '//', '/a//b', '/a-b', '/a b', '/ä'])('refuses the path %j', (path) => {
    const tree = new ObjectTree();
    expect(() => tree.add(path, [exported('com.example.A')])).toThrow(InvalidNameError);
    expect(children(tree, '/')).toEqual([]);
  });

  heavyTest('adds and removes 20,000 objects with work in proportion to their number', async () => {
    const one = exported('com.example.A');
    await expectProportionalWork(2_500, (count) => {
      const tree = new ObjectTree();
      for (let index = 0; index < count; index++) tree.add(`/com/example/objects/n${index}`, [one]);
      expect(tree.get('/com/example/objects')?.children.size).toBe(count);
      for (let index = 0; index < count; index++) tree.remove(`/com/example/objects/n${index}`, [one]);
      expect(children(tree, '/')).toEqual([]);
    });
  });
});
