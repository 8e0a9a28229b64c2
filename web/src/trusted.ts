// The page may turn no text into markup, script or the address of a script. The one exception is what our style library
// writes into its own style elements: text without a tag. What a worker is loaded from is named here.

interface Policy {
  createHTML(text: string): string
  createScript(text: string): string
  createScriptURL(address: string): string
}

const refuse = (what: string): never => {
  throw new TypeError('refused: ' + what)
}

const policy: Policy = {
  createHTML: (text) => (text.includes('<') ? refuse('markup from text') : text),
  createScript: () => refuse('script from text'),
  createScriptURL: (address) => (new URL(address, location.origin).href === location.origin + '/worker.js' ? address : refuse('a script from ' + address.slice(0, 80))),
}

const browser = globalThis as { trustedTypes?: { createPolicy(name: string, policy: Policy): unknown } }
browser.trustedTypes?.createPolicy('default', policy)
