"use strict";(self.rspackChunkmaia_lab=self.rspackChunkmaia_lab||[]).push([[1],{21(a,r,o){var i=o(22),e=o.n(i),t=o(23),n=(o.n(t))()(e());n.push([a.id,`/* Strips below the cells of a session. Colours come from the theme alone. */

.maia-Footer,
.maia-Strip {
  --maia-accent: var(--jp-border-color1);

  box-sizing: border-box;
  margin: 4px 0 4px
    calc(
      var(--jp-cell-prompt-width) + var(--jp-cell-collapser-width) + var(--jp-cell-padding) + 1px
    );
  padding: 8px 12px;
  border: 1px solid var(--jp-border-color2);
  border-left: 3px solid var(--maia-accent);
  border-radius: 0 var(--jp-border-radius) var(--jp-border-radius) 0;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.45;
  overflow-wrap: anywhere;
}

.maia-Footer > *,
.maia-Strip > * {
  margin: 0;
}

.maia-Footer > * + *,
.maia-Strip > * + * {
  margin-top: 7px;
}

.maia-Footer[data-maia-state='waiting'],
.maia-Footer[data-maia-state='scored'] {
  --maia-accent: var(--jp-brand-color1);

  background: var(--jp-layout-color2);
}

.maia-Footer[data-maia-state='approved'],
.maia-Footer[data-maia-state='running'] {
  --maia-accent: var(--jp-info-color1);
}

.maia-Footer[data-maia-state='done'],
.maia-Footer[data-maia-state='accepted'] {
  --maia-accent: var(--jp-success-color1);
}

.maia-Footer[data-maia-state='error'],
.maia-Footer[data-maia-state='interrupted'],
.maia-Footer[data-maia-state='edited-after'] {
  --maia-accent: var(--jp-warn-color1);
}

.maia-Footer[data-maia-state='rejected'] {
  --maia-accent: var(--jp-border-color1);
}

.maia-Strip {
  --maia-accent: var(--jp-brand-color1);
}

/* Captions by the hundred must not push the next proposal out of reach. */
.maia-Cell .jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stdout'] {
  max-height: 36em;
  overflow: auto;
}

/* A table whose lines are broken cannot be read. */
.maia-Cell .jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stdout'] pre {
  white-space: pre;
}

@media print {
  .maia-Cell .jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stdout'] {
    max-height: none;
  }
}

/* A settled step is a footnote, an open one asks for attention. */
.maia-Footer:not([data-maia-state='waiting'], [data-maia-state='scored']) {
  padding: 4px 12px;
  border-color: transparent;
  border-left-color: var(--maia-accent);
}

.maia-Head {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 2px 10px;
}

.maia-State {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  font-weight: 600;
}

.maia-StateIcon {
  display: inline-flex;
  flex: none;
  color: var(--maia-accent, currentcolor);
}

.maia-StateIcon svg {
  display: block;
  width: 16px;
  height: 16px;
}

.maia-Fact {
  color: var(--jp-ui-font-color2);
}

.maia-Fact:not(:last-child)::after {
  content: '\xb7';
  margin-left: 10px;
}

.maia-Chip {
  padding: 0 8px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 9px;
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size0);
  line-height: 17px;
}

.maia-Why {
  font-size: var(--jp-ui-font-size1);
}

.maia-Claims,
.maia-Flags {
  padding: 0;
  list-style: none;
}

.maia-Claim,
.maia-Flag {
  display: flex;
  align-items: baseline;
  gap: 8px;
  padding: 1px 0;
}

.maia-Flag .maia-StateIcon {
  align-self: flex-start;
  margin-top: 2px;
  color: var(--jp-warn-color0);
}

.maia-Flag[data-maia-flag='risk'] .maia-StateIcon {
  color: var(--jp-error-color1);
}

.maia-ClaimId {
  flex: none;
  min-width: 2.2em;
  padding: 0 5px;
  border: 1px solid var(--jp-border-color1);
  border-radius: var(--jp-border-radius);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-ui-font-size0);
  text-align: center;
}

.maia-ClaimId[data-maia-status='supported'] {
  border-color: var(--jp-success-color1);
}

.maia-ClaimId[data-maia-status='indicated'] {
  border-color: var(--jp-info-color1);
}

.maia-ClaimId[data-maia-status='contradicted'] {
  border-color: var(--jp-error-color1);
}

.maia-ClaimId[data-maia-status='struck'] {
  text-decoration: line-through;
}

.maia-Prediction {
  color: var(--jp-ui-font-color2);
}

.maia-Prediction::before {
  content: ' → ';
}

.maia-Actions {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px;
}

.maia-Button {
  flex: none;
  height: 26px;
  padding: 0 12px;
  border: 1px solid var(--jp-border-color1);
  border-radius: var(--jp-border-radius);
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font: inherit;
  cursor: pointer;
}

.maia-Button:hover {
  background: var(--jp-layout-color3);
}

.maia-Select {
  height: 26px;
  max-width: 100%;
  border: 1px solid var(--jp-border-color1);
  border-radius: var(--jp-border-radius);
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font: inherit;
}

.maia-Button:disabled {
  opacity: 0.5;
  cursor: default;
}

.maia-Button.maia-mod-primary {
  border-color: transparent;
  background: var(--jp-accept-color-normal, var(--jp-brand-color1));
  color: var(--jp-ui-inverse-font-color1);
  font-weight: 600;
}

.maia-Button.maia-mod-primary:hover:not(:disabled) {
  background: var(--jp-accept-color-hover, var(--jp-brand-color0));
}

.maia-Button.maia-mod-warn {
  border-color: transparent;
  background: var(--jp-warn-color-normal, var(--jp-error-color1));
  color: var(--jp-ui-inverse-font-color1);
  font-weight: 600;
}

.maia-Button:focus-visible,
.maia-Input:focus-visible,
.maia-StatusButton:focus-visible,
.maia-Diff:focus-visible,
.maia-Link:focus-visible,
.maia-StepLine:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.maia-Input {
  flex: 1 1 220px;
  min-width: 120px;
  height: 26px;
  box-sizing: border-box;
  padding: 0 8px;
  border: 1px solid var(--jp-border-color1);
  border-radius: var(--jp-border-radius);
  background: var(--jp-layout-color0);
  color: var(--jp-ui-font-color0);
  font: inherit;
}

.maia-Input::placeholder {
  color: var(--jp-ui-font-color2);
}

.maia-Refused {
  color: var(--jp-error-color1);
  font-weight: 600;
}

.maia-Hint {
  color: var(--jp-ui-font-color2);
}

.maia-Diff {
  max-height: 320px;
  padding: 4px 0;
  overflow: auto;
  border: 1px solid var(--jp-border-color2);
  border-radius: var(--jp-border-radius);
  background: var(--jp-layout-color0);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  line-height: var(--jp-code-line-height);
}

.maia-DiffLine {
  display: block;
  padding: 0 8px 0 24px;
  text-indent: -16px;
  white-space: pre-wrap;
}

.maia-DiffLine[data-maia-diff='gap'] {
  color: var(--jp-ui-font-color2);
}

.maia-DiffLine[data-maia-diff='removed'] {
  background: color-mix(in srgb, var(--jp-error-color1) 18%, transparent);
}

.maia-DiffLine[data-maia-diff='added'] {
  background: color-mix(in srgb, var(--jp-success-color1) 20%, transparent);
}

.maia-Thinking {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px 10px;
  color: var(--jp-ui-font-color2);
}

.maia-Thinking .maia-State {
  flex: none;
  font-weight: 400;
}

.maia-Stream {
  flex: 1;
  min-width: 0;
  margin: 0;
  overflow: hidden;
  color: var(--jp-ui-font-color2);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-ui-font-size0);
  line-height: 1.45;
  text-overflow: ellipsis;
  white-space: pre;
}

.maia-Stream:not([data-maia-lines='1']) {
  flex: 1 0 100%;
  padding: 6px 8px;
  box-sizing: border-box;
  border-left: 2px solid var(--jp-border-color2);
  background: var(--jp-layout-color0);
}

/* The side panel. */
.maia-Panel {
  padding: 12px;
  overflow-y: auto;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.45;
  overflow-wrap: anywhere;
}

.maia-Panel > * + * {
  margin-top: 10px;
}

.maia-Panel p {
  margin: 0;
}

/* Buttons fill their rows, so that both edges are straight however wide the panel is. */
.maia-Panel .maia-Button {
  flex: 1 0 auto;
  padding: 0 7px;
}

.maia-Panel .maia-Select {
  flex: 1 1 100%;
}

.maia-Panel .maia-Fact {
  flex-basis: 100%;
}

.maia-Panel .maia-Fact::after {
  content: none;
}

.maia-Title {
  margin: 14px 0 6px;
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  font-weight: 600;
  letter-spacing: 0.06em;
  text-transform: uppercase;
}

.maia-List,
.maia-Evidence {
  margin: 0;
  padding: 0;
  list-style: none;
}

.maia-Hypothesis {
  padding: 6px 0;
  border-top: 1px solid var(--jp-border-color2);
}

.maia-Hypothesis[data-maia-status='struck'] .maia-ClaimText {
  text-decoration: line-through;
}

.maia-Small,
.maia-Evidence {
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
}

/* Sizes are shares of what is around. */
.maia-Small .maia-Evidence {
  font-size: inherit;
}

.maia-Small summary {
  cursor: pointer;
}

.maia-Evidence {
  padding: 2px 0 2px 12px;
}

.maia-Link {
  margin-right: 10px;
  padding: 0;
  border: none;
  background: none;
  color: var(--jp-content-link-color);
  font: inherit;
  cursor: pointer;
}

.maia-Link:hover {
  text-decoration: underline;
}

.maia-StepLine {
  display: flex;
  gap: 6px;
  width: 100%;
  padding: 3px 4px;
  border: none;
  border-radius: var(--jp-border-radius);
  background: none;
  color: inherit;
  font: inherit;
  text-align: left;
  cursor: pointer;
}

.maia-StepLine:hover {
  background: var(--jp-layout-color2);
}

.maia-StepLine .maia-StateIcon {
  margin-top: 2px;
}

.maia-StepNumber {
  min-width: 1.4em;
  color: var(--jp-ui-font-color2);
  text-align: right;
}

[data-maia-state='waiting'] > .maia-StepLine,
[data-maia-state='scored'] > .maia-StepLine {
  --maia-accent: var(--jp-brand-color1);

  font-weight: 600;
}

[data-maia-state='done'] > .maia-StepLine,
[data-maia-state='accepted'] > .maia-StepLine {
  --maia-accent: var(--jp-success-color1);
}

[data-maia-state='error'] > .maia-StepLine,
[data-maia-state='interrupted'] > .maia-StepLine,
[data-maia-state='edited-after'] > .maia-StepLine {
  --maia-accent: var(--jp-warn-color1);
}

.maia-Empty {
  color: var(--jp-ui-font-color2);
}

.maia-Empty pre {
  white-space: pre-wrap;
  margin-top: 8px;
  padding: 8px;
  border-radius: var(--jp-border-radius);
  background: var(--jp-layout-color2);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}

/* The cell itself: what was rejected steps back. */
.jp-Cell[data-maia-state='rejected'] .jp-Cell-inputWrapper {
  opacity: 0.55;
}

.jp-Cell[data-maia-state='rejected'] .cm-content {
  text-decoration: line-through;
  text-decoration-color: var(--jp-ui-font-color3);
}

.maia-StatusLine {
  display: flex;
  align-items: center;
}

.maia-StatusButton {
  display: inline-flex;
  align-items: center;
  gap: 5px;
  padding: 0 4px;
  border: none;
  background: transparent;
  color: var(--jp-ui-font-color1);
  font: inherit;
  font-size: var(--jp-ui-font-size1);
  cursor: pointer;
}

.maia-StatusButton[data-maia-phase='waiting'],
.maia-StatusButton[data-maia-phase='scored'] {
  font-weight: 600;
}

.maia-Aloud {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

@media (prefers-reduced-motion: no-preference) {
  .maia-Turning {
    transform-origin: 8px 8px;
    animation: maia-turn 1.2s linear infinite;
  }

  .maia-Dot {
    animation: maia-dot 1.2s ease-in-out infinite;
  }

  .maia-Dot:nth-child(2) {
    animation-delay: 0.2s;
  }

  .maia-Dot:nth-child(3) {
    animation-delay: 0.4s;
  }
}

@keyframes maia-turn {
  to {
    transform: rotate(360deg);
  }
}

@keyframes maia-dot {
  50% {
    opacity: 0.2;
  }
}

/* Grids of images. */
.maia-Grid {
  padding: 4px 0 8px 8px;
  color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.35;
}

.maia-GridHead {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px 6px;
  min-height: 24px;
}

.maia-GridFacts {
  margin-right: 8px;
  color: var(--jp-ui-font-color2);
  font-variant-numeric: tabular-nums;
}

.maia-GridHead .maia-Toggle {
  height: 22px;
  padding: 0 9px;
  border: 1px solid var(--jp-border-color2);
  border-radius: 11px;
  background: transparent;
  color: var(--jp-ui-font-color2);
  font: inherit;
  font-size: var(--jp-ui-font-size0);
  cursor: pointer;
}

.maia-GridHead .maia-Toggle:hover {
  background: var(--jp-layout-color2);
  color: var(--jp-ui-font-color1);
}

.maia-GridHead .maia-Toggle[aria-pressed='true'] {
  border-color: var(--jp-brand-color1);
  background: color-mix(in srgb, var(--jp-brand-color1) 14%, transparent);
  color: var(--jp-ui-font-color1);
}

.maia-Tiles {
  --maia-tile: calc(var(--maia-grid-size, 128px) * var(--maia-scale, 1));
  --maia-gap: 12px;

  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--maia-tile)), 1fr));
  gap: var(--maia-gap);
  max-width: calc(var(--maia-columns) * (var(--maia-tile) + var(--maia-gap)) - var(--maia-gap));
  margin: 8px 0 0;
  padding: 0;
  list-style: none;
}

/* An image and its edit, or a condition, stay in their row; then the images shrink. */
.maia-Tiles[data-maia-rows='true'] {
  grid-template-columns: repeat(var(--maia-columns), minmax(0, 1fr));
}

/* All of a row have their images in one line and their words in the next. */
.maia-Tiles > li,
.maia-Tile {
  display: grid;
  grid-row: span 2;
  grid-template-rows: subgrid;
  row-gap: 0;
}

.maia-Tile {
  align-items: start;
  width: 100%;
  padding: 0;
  border: none;
  border-radius: 4px;
  background: none;
  color: inherit;
  font: inherit;
  text-align: left;
  cursor: zoom-in;
}

.maia-Tile:focus-visible,
.maia-Toggle:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 3px;
}

.maia-Tile .maia-Picture {
  align-self: center;
  justify-self: center;
}

.maia-Picture {
  position: relative;
  display: block;
  flex: none;
  overflow: hidden;
  border-radius: 4px;
}

.maia-Picture img {
  position: absolute;
  inset: 0;
  display: block;
  width: 100%;
  max-width: none;
  height: 100%;
}

.maia-Shade {
  opacity: 0;
  transition: opacity 0.15s;
}

.maia-Shade[data-maia-on='true'] {
  opacity: 1;
}

.maia-Bar {
  display: block;
  height: 3px;
  margin: 5px 0 2px;
  border-radius: 2px;
  background: color-mix(in srgb, var(--jp-ui-font-color2) 22%, transparent);
}

.maia-Bar > span {
  display: block;
  height: 100%;
  border-radius: 2px;
  background: var(--jp-brand-color1);
}

.maia-TileValue {
  display: block;
  font-size: var(--jp-ui-font-size0);
  font-variant-numeric: tabular-nums;
}

.maia-TileCaption {
  display: -webkit-box;
  overflow: hidden;
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  unicode-bidi: isolate;
  overflow-wrap: anywhere;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 2;
}

.maia-Zoom {
  max-width: 94vw;
  max-height: 94vh;
  padding: 0;
  overflow: auto;
  border: 1px solid var(--jp-border-color1);
  border-radius: 8px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  box-shadow: var(--jp-elevation-z12);
}

.maia-Zoom::backdrop {
  background: transparent;
  backdrop-filter: brightness(0.45) blur(2px);
}

.maia-ZoomFrame {
  display: flex;
  flex-direction: column;
  gap: 8px;
  padding: 10px 14px 14px;
  cursor: default;
}

.maia-ZoomFrame .maia-GridFacts {
  flex: 1;
}

.maia-ZoomFrame .maia-Picture {
  align-self: center;
}

.maia-ZoomCaption {
  max-width: 720px;
  margin: 0;
  unicode-bidi: isolate;
  overflow-wrap: anywhere;
}

.maia-GridPicture {
  margin: 0;
}

.maia-GridPicture figcaption {
  color: var(--jp-ui-font-color2);
}
`,""]),o.d(r,{},{A:n})},23(a){a.exports=function(a){var r=[];return r.toString=function(){return this.map(function(r){var o="",i=void 0!==r[5];return r[4]&&(o+="@supports (".concat(r[4],") {")),r[2]&&(o+="@media ".concat(r[2]," {")),i&&(o+="@layer".concat(r[5].length>0?" ".concat(r[5]):""," {")),o+=a(r),i&&(o+="}"),r[2]&&(o+="}"),r[4]&&(o+="}"),o}).join("")},r.i=function(a,o,i,e,t){"string"==typeof a&&(a=[[null,a,void 0]]);var n={};if(i)for(var p=0;p<this.length;p++){var l=this[p][0];null!=l&&(n[l]=!0)}for(var d=0;d<a.length;d++){var c=[].concat(a[d]);i&&n[c[0]]||(void 0!==t&&(void 0===c[5]||(c[1]="@layer".concat(c[5].length>0?" ".concat(c[5]):""," {").concat(c[1],"}")),c[5]=t),o&&(c[2]&&(c[1]="@media ".concat(c[2]," {").concat(c[1],"}")),c[2]=o),e&&(c[4]?(c[1]="@supports (".concat(c[4],") {").concat(c[1],"}"),c[4]=e):c[4]="".concat(e)),r.push(c))}},r}},22(a){a.exports=function(a){return a[1]}},15(a){var r=[];function o(a){for(var o=-1,i=0;i<r.length;i++)if(r[i].identifier===a){o=i;break}return o}function i(a,i){for(var e={},t=[],n=0;n<a.length;n++){var p=a[n],l=i.base?p[0]+i.base:p[0],d=e[l]||0,c="".concat(l," ").concat(d);e[l]=d+1;var s=o(c),m={css:p[1],media:p[2],sourceMap:p[3],supports:p[4],layer:p[5]};if(-1!==s)r[s].references++,r[s].updater(m);else{var u=function(a,r){var o=r.domAPI(r);return o.update(a),function(r){r?(r.css!==a.css||r.media!==a.media||r.sourceMap!==a.sourceMap||r.supports!==a.supports||r.layer!==a.layer)&&o.update(a=r):o.remove()}}(m,i);i.byIndex=n,r.splice(n,0,{identifier:c,updater:u,references:1})}t.push(c)}return t}a.exports=function(a,e){var t=i(a=a||[],e=e||{});return function(a){a=a||[];for(var n=0;n<t.length;n++){var p=o(t[n]);r[p].references--}for(var l=i(a,e),d=0;d<t.length;d++){var c=o(t[d]);0===r[c].references&&(r[c].updater(),r.splice(c,1))}t=l}}},17(a){var r={};a.exports=function(a,o){var i=function(a){if(void 0===r[a]){var o=document.querySelector(a);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(a){o=null}r[a]=o}return r[a]}(a);if(!i)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");i.appendChild(o)}},19(a){a.exports=function(a){var r=document.createElement("style");return a.setAttributes(r,a.attributes),a.insert(r,a.options),r}},18(a,r,o){a.exports=function(a){var r=o.nc;r&&a.setAttribute("nonce",r)}},16(a){a.exports=function(a){if("u"<typeof document)return{update:function(){},remove:function(){}};var r=a.insertStyleElement(a);return{update:function(o){var i,e,t;i="",o.supports&&(i+="@supports (".concat(o.supports,") {")),o.media&&(i+="@media ".concat(o.media," {")),(e=void 0!==o.layer)&&(i+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),i+=o.css,e&&(i+="}"),o.media&&(i+="}"),o.supports&&(i+="}"),(t=o.sourceMap)&&"u">typeof btoa&&(i+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(t))))," */")),a.styleTagTransform(i,r,a.options)},remove:function(){var a;null===(a=r).parentNode||a.parentNode.removeChild(a)}}}},20(a){a.exports=function(a,r){if(r.styleSheet)r.styleSheet.cssText=a;else{for(;r.firstChild;)r.removeChild(r.firstChild);r.appendChild(document.createTextNode(a))}}},14(a,r,o){var i=o(15),e=o.n(i),t=o(16),n=o.n(t),p=o(17),l=o.n(p),d=o(18),c=o.n(d),s=o(19),m=o.n(s),u=o(20),f=o.n(u),v=o(21),g={};g.styleTagTransform=f(),g.setAttributes=c(),g.insert=l().bind(null,"head"),g.domAPI=n(),g.insertStyleElement=m(),e()(v.A,g),v.A&&v.A.locals&&v.A.locals}}]);