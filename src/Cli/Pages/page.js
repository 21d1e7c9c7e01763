'use strict';

function element(name, style, ...children) {
  const made = document.createElement(name);
  if (style) made.className = style;
  made.append(...children);
  return made;
}

// The browser's own titles come late and small.
for (const title of document.querySelectorAll('svg.chart title')) {
  title.parentElement.dataset.title = title.textContent;
  title.remove();
}

// What a page of its own shows under a mark's words.
let tooltipPicture = () => [];

const tooltip = element('div', 'tooltip');
tooltip.hidden = true;
document.body.append(tooltip);

function showTooltip(mark, x, y) {
  tooltip.replaceChildren(mark.dataset.title, ...tooltipPicture(mark));
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  tooltip.style.left = `${Math.max(4, x + 16 + box.width > innerWidth ? x - 16 - box.width : x + 16)}px`;
  tooltip.style.top = `${Math.max(4, y + 16 + box.height > innerHeight ? y - 16 - box.height : y + 16)}px`;
}

const reach = 28;

function markAt(event) {
  const under = event.target.closest('[data-title]');
  if (under) return under;
  const acrossOnly = event.target.closest('[data-nearest="across"]') !== null;
  let nearest = null;
  let least = reach;
  for (const mark of event.target.closest('svg.chart')?.querySelectorAll('.mark[data-title]') ?? []) {
    const box = mark.getBoundingClientRect();
    const across = event.clientX - box.x - box.width / 2;
    const distance = Math.hypot(across, acrossOnly ? 0 : event.clientY - box.y - box.height / 2);
    if (distance < least) [nearest, least] = [mark, distance];
  }
  return nearest;
}

document.addEventListener('pointermove', event => {
  const mark = markAt(event);
  if (mark) showTooltip(mark, event.clientX, event.clientY);
  else tooltip.hidden = true;
});
document.documentElement.addEventListener('pointerleave', () => { tooltip.hidden = true; });
