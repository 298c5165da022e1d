// Loaded before the TypeScript that an npm script runs, which older versions of Node.js cannot read.
const { node } = process.versions;
const [major, minor] = node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 2)) {
  console.error(
    `This takes Node.js 24.2 or newer, and runs on ${node}: run "npm ci --ignore-scripts=false", which installs a Node.js 24 for this project alone, or install one yourself.`,
  );
  process.exit(1);
}
