const frontier = JSON.parse(document.getElementById('data').textContent);
const points = frontier.points;
const harmlessLoss = 0.01;

const byId = id => document.getElementById(id);

// Numbers read as in the tool's own tables.
function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit++;
  }
  return `${unit === 0 ? count : count.toFixed(2)} ${units[unit]}`;
}

function lossText(loss) {
  if (loss === null) return '-';
  if (loss < 1e-7) return '0';
  if (loss < 1e-4) return loss.toExponential(1);
  return loss < 1 ? loss.toFixed(4) : loss.toFixed(2);
}

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;

function perplexity(loss) {
  const rise = Math.expm1(loss);
  return rise < 0.0001 ? 'perplexity up by less than 0.01%' : `perplexity up by about ${percent(rise, rise < 0.01 ? 2 : rise < 0.1 ? 1 : 0)}`;
}

const losses = point => point.layers.map(layer => Math.max(layer.loss ?? 0, 0));
const total = numbers => numbers.reduce((sum, number) => sum + number, 0);
const shares = numbers => numbers.map(number => number / (total(numbers) || 1));

function swatch(style, text) {
  return element('span', '', element('i', `swatch ${style}`), text);
}

function figures(id, main, more) {
  byId(id).replaceChildren(element('b', '', main), element('span', '', ` ${more}`));
}

function showCard(index) {
  const point = points[index];
  byId('chosen').textContent = `Plan ${index + 1} of ${points.length}`;
  figures('cache', bytes(point.cache.deviceBytes), `${percent(point.cache.share)} of the full cache, ${(1 / point.cache.share).toFixed(1)} times smaller`);
  figures('device', bytes(point.device.totalBytes), '');
  figures('host', bytes(point.host.totalBytes), `${bytes(point.host.bytesPerStep)} fetched for each token`);
  figures('loss', lossText(point.predictedLoss), perplexity(point.predictedLoss));
  byId('time-row').hidden = point.secondsPerToken === null;
  if (point.secondsPerToken !== null) figures('time', `${(1000 * point.secondsPerToken).toPrecision(3)} ms`, `${(1 / point.secondsPerToken).toFixed(1)} tokens per second`);
  byId('command').textContent = point.command;
  byId('previous').disabled = index === 0;
  byId('next').disabled = index === points.length - 1;
}

// One scale for all plans, so that heights can be compared between them.
const tallest = Math.max(...points.flatMap(point => point.layers.map(layer => layer.deviceBytes)));

function showMap(point) {
  const lossShares = shares(losses(point));
  const deepest = Math.max(...lossShares) || 1;
  byId('map').replaceChildren(...point.layers.map((layer, i) => {
    const up = element('i', layer.mode);
    up.style.height = percent(layer.deviceBytes / tallest);
    const down = element('i');
    down.style.height = percent(lossShares[i] / deepest);
    const column = element('div', 'layer', element('div', 'up', up), element('div', 'index', `${layer.index}`), element('div', 'down', down));
    column.dataset.title = `layer ${layer.index}: ${layer.mode}\n${layer.choices}\n${bytes(layer.deviceBytes)} on the device, ${bytes(layer.hostBytes)} on the host\n`
      + `loss ${lossText(layer.loss)}, ${percent(lossShares[i])} of the plan's`;
    return column;
  }));
  byId('map-bytes').textContent = bytes(tallest);
  byId('map-loss').textContent = percent(deepest);
}

function showMemory(point) {
  const { device, host } = point;
  const stacks = [
    ['Device', device.totalBytes, [
      ['caches', 'caches', device.cacheBytes], ['staging', 'staging, shared by the layers', device.stagingBytes], ['weights', 'weights', device.weightBytes],
      ['activations', 'activations', device.activationBytes], ['logits', 'logits', device.logitBytes],
    ]],
    ['Host', host.totalBytes, [
      ['weights', 'weights laid out', host.weightBytes], ['host', 'caches', host.cacheBytes], ['prefill', 'the prompt while it is read', host.prefillBytes],
      ['logits', 'logits of many tokens', host.logitBytes],
    ]],
  ];
  const most = Math.max(...points.map(other => Math.max(other.device.totalBytes, other.host.totalBytes)));
  byId('parts').replaceChildren(...stacks.flatMap(([name, sum, parts]) => [
    element('h3', '', `${name}: ${bytes(sum)}`),
    element('div', 'stack', ...parts.map(([style, text, size]) => {
      const bar = element('i', style);
      bar.style.width = percent(size / most, 3);
      bar.dataset.title = `${text}: ${bytes(size)}`;
      return bar;
    })),
    element('table', 'parts', element('tbody', '', ...parts.map(([style, text, size]) =>
      element('tr', '', element('td', '', swatch(style, text)), element('td', 'number', bytes(size)))))),
  ]));
}

function showLayers(point) {
  const lossShares = shares(losses(point));
  const deepest = Math.max(...lossShares) || 1;
  byId('layers').replaceChildren(...point.layers.map((layer, i) => {
    const bar = element('i');
    bar.style.width = percent(lossShares[i] / deepest);
    return element('tr', '',
      element('td', 'number', `${layer.index}`), element('td', 'mode', swatch(layer.mode, layer.mode)), element('td', '', layer.choices),
      element('td', 'number', bytes(layer.deviceBytes)), element('td', 'number', bytes(layer.hostBytes)), element('td', 'number', bytes(layer.hostBytesPerStep)),
      element('td', 'number', lossText(layer.loss)), element('td', 'number', percent(lossShares[i]), element('span', 'share', bar)));
  }));
}

const marks = [...document.querySelectorAll('[data-key]')];
let selected = -1;

function select(index) {
  selected = Math.min(Math.max(index, 0), points.length - 1);
  for (const mark of marks) mark.classList.toggle('selected', Number(mark.dataset.key) === selected);
  showCard(selected);
  showMap(points[selected]);
  showMemory(points[selected]);
  showLayers(points[selected]);
}

// The address names the plan from 1, so that a link leads to it.
function choose(index) {
  select(index);
  history.replaceState(null, '', `#${selected + 1}`);
}

function fromAddress() {
  const number = Number.parseInt(location.hash.slice(1), 10);
  if (Number.isInteger(number)) return number - 1;
  const harmless = points.findIndex(point => point.predictedLoss <= harmlessLoss);
  return harmless < 0 ? points.length - 1 : harmless;
}

tooltipPicture = mark => {
  const point = mark.matches('circle') ? points[mark.dataset.key] : undefined;
  return point ? [element('div', 'strip', ...point.layers.map(layer => element('i', layer.mode)))] : [];
};
document.addEventListener('click', event => {
  const key = markAt(event)?.dataset.key;
  if (key !== undefined) choose(Number(key));
});
document.addEventListener('keydown', event => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  choose(selected + step);
});
byId('previous').addEventListener('click', () => choose(selected - 1));
byId('next').addEventListener('click', () => choose(selected + 1));
addEventListener('hashchange', () => select(fromAddress()));
select(fromAddress());
