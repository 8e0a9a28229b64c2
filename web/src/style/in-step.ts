/** Everything that flashes does so in step: sixty beds out of step would flash far more than three times a second. */
export function flashInStep(root: Document) {
  root.addEventListener('animationstart', (event) => {
    if (!event.animationName.startsWith('flash-') || !(event.target instanceof Element)) return
    for (const a of event.target.getAnimations({ subtree: true })) if ((a as CSSAnimation).animationName === event.animationName) a.startTime = 0
  })
}
