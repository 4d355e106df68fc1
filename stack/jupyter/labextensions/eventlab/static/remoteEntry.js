// The kit's extension of JupyterLab. It is a container of webpack's module federation, written by hand, because it
// imports nothing: https://jupyterlab.readthedocs.io/en/stable/extension/extension_dev.html#prebuilt-extensions
(() => {
  'use strict';

  const START_PAGE = 'start.md';
  const STACK_PANEL = 'stack_panel.ipynb';
  const RUN_AGAIN = 'eventlab:run-cells-above';
  const POLL_MS = 2000;
  const RESTORE_MS = 5000;
  const WIDGET = 'application/vnd.jupyter.widget-view+json';
  const NO_PAGES = 'a[href^="hdfs://"], a[href^="spark://"], a[href^="s3a://"]';

  /** Return whether a tab is the Markdown preview or the notebook at a path. */
  const shows = (widget, path) => widget?.context?.path === path;

  /** Show the start page again when its file has changed; the kernels of notebooks write it after each cell. */
  const refreshStartPage = app => {
    const refresh = async () => {
      const pages = [...app.shell.widgets('main')].filter(widget => shows(widget, START_PAGE) && widget.isVisible);
      if (document.visibilityState !== 'visible' || pages.length === 0) {
        return;
      }
      const file = await app.serviceManager.contents.get(START_PAGE, { content: false });
      for (const { context } of pages) {
        if (context.isReady && !context.model.dirty && context.contentsModel.last_modified !== file.last_modified) {
          await context.revert();
        }
      }
    };
    let running = null;
    const once = () => {
      // a server that has stopped is reported by JupyterLab itself
      running ??= refresh().catch(() => {}).finally(() => (running = null));
    };
    setInterval(once, POLL_MS);
    app.shell.currentChanged?.connect(once);
    document.addEventListener('visibilitychange', once);
  };

  /**
   * Wait until the manager of the notebook's widgets has asked the kernel for existing widgets, at most RESTORE_MS.
   *
   * A cell that shows widgets meanwhile gets some of them twice, and a click on the first of the two has no effect.
   */
  const widgetsRestored = async notebook => {
    const renderer = notebook.rendermime.createRenderer(WIDGET);
    const restored = async () => {
      const manager = await renderer._manager?.promise;
      if (manager && !manager.restoredStatus) {
        await new Promise(resolve => manager.restored.connect(resolve));
      }
    };
    await Promise.race([restored(), new Promise(resolve => setTimeout(resolve, RESTORE_MS))]);
    renderer.dispose();
  };

  /** Mark a notebook as unchanged until the returned function is called: closing it does not ask whether to save. */
  const keepUnchanged = model => {
    const reset = () => {
      if (model.dirty) {
        model.dirty = false;
      }
    };
    reset(); // a model that has changes already does not emit the signal again
    model.stateChanged.connect(reset);
    return () => model.stateChanged.disconnect(reset);
  };

  /** Run the cell of the stack panel when its page is opened. */
  const runStackPanel = app => {
    const opened = new WeakSet();
    const run = async () => {
      const widget = app.shell.currentWidget;
      if (!shows(widget, STACK_PANEL) || opened.has(widget) || !widget.sessionContext) {
        return;
      }
      opened.add(widget);
      await widget.context.ready;
      await widget.sessionContext.ready;
      await widgetsRestored(widget.content);
      if (app.shell.currentWidget === widget) {
        const stop = keepUnchanged(widget.context.model);
        await app.commands.execute('notebook:run-all-cells').finally(stop);
      } else {
        opened.delete(widget);
      }
    };
    app.shell.currentChanged?.connect(() => void run());
    app.restored.then(run);
  };

  /** Show addresses that a browser cannot open, such as hdfs://, as text: JupyterLab makes links of them. */
  const removeDeadLinks = () => {
    const remove = anchor => {
      anchor.removeAttribute('href');
      anchor.style.color = 'inherit';
      anchor.style.textDecoration = 'none';
    };
    new MutationObserver(changes => {
      for (const { addedNodes } of changes) {
        for (const node of addedNodes) {
          if (node.nodeType === Node.ELEMENT_NODE) {
            [...(node.matches(NO_PAGES) ? [node] : []), ...node.querySelectorAll(NO_PAGES)].forEach(remove);
          }
        }
      }
    }).observe(document.body, { childList: true, subtree: true });
  };

  /**
   * Say that the kernel of a notebook has ended, and with it all variables.
   *
   * A kernel ends when its notebook is closed, or after an hour without work. JupyterLab starts the next one without a
   * message, and cells that ran before then fail with a NameError.
   */
  const reportEndedKernels = app => {
    app.commands.addCommand(RUN_AGAIN, {
      label: 'Start a Kernel and Run All Cells Above',
      execute: async () => {
        const session = app.shell.currentWidget?.sessionContext;
        if (session && !session.session?.kernel) {
          await session.changeKernel({ name: session.kernelPreference.name || 'python3' });
        }
        await app.commands.execute('notebook:run-all-above');
      }
    });
    const followed = new WeakSet();
    const report = widget => {
      if (widget.isDisposed || ![...widget.content.model.cells].some(cell => cell.executionCount)) {
        return;
      }
      const message =
        'The kernel of this notebook has ended: it was closed, or idle for an hour. First run the cells above again.';
      const actions = [{ label: 'Run All Cells Above', commandId: RUN_AGAIN }];
      void app.commands.execute('apputils:notify', { message, type: 'info', options: { autoClose: false, actions } });
    };
    const follow = async () => {
      const widget = app.shell.currentWidget;
      const session = widget?.sessionContext;
      if (!session || !widget.content?.model?.cells || shows(widget, STACK_PANEL) || followed.has(widget)) {
        return;
      }
      followed.add(widget);
      await widget.context.ready;
      await session.ready;
      session.kernelChanged.connect((_, { oldValue, newValue }) => {
        if (oldValue && !newValue) {
          // not when the learner closes the notebook or chooses another kernel
          setTimeout(() => !widget.isDisposed && !session.session?.kernel && report(widget), POLL_MS);
        }
      });
      const reply = await session.session?.kernel?.requestExecute({ code: '', silent: true }).done;
      if (reply?.content.execution_count === 0) {
        report(widget);
      }
    };
    const ignoreClosed = () => {}; // the notebook was closed before its kernel answered
    app.shell.currentChanged?.connect(() => follow().catch(ignoreClosed));
    app.restored.then(follow).catch(ignoreClosed);
  };

  /**
   * Show no line of a folded cell: JupyterLab shows the first one. In copies of an earlier kit, this is often the whole
   * solution of an exercise. The copies of this kit have solutions as text that can be unfolded; see jupyter/working_copy.py.
   *
   * Show plots without a background in both themes: the lessons' grey texts can be read on white and on black, but
   * JupyterLab takes them for light ones that need a dark box.
   *
   * Break long lines of outputs between words, and show programs in the size of code cells. Break no code in a text:
   * an option such as --master would be broken after its first dash.
   */
  const addStyles = () => {
    const style = document.createElement('style');
    style.textContent = `
      .jp-InputPlaceholder .jp-PlaceholderText { display: none; }
      .jp-InputPlaceholder .jp-Placeholder-contentContainer::before {
        content: 'click to open';
        color: var(--jp-ui-font-color2);
      }
      .jp-ThemedContainer .jp-RenderedMarkdown :not(pre) > code { white-space: nowrap; }
      .jp-OutputArea-output pre { word-break: normal; overflow-wrap: anywhere; }
      .jp-OutputArea-output.jp-RenderedMarkdown :is(pre, pre code) { font-size: var(--jp-code-font-size); }
      .jp-RenderedImage > img.jp-needs-dark-background { background-color: transparent !important; }`;
    document.head.append(style);
  };

  const plugin = {
    id: 'eventlab:course',
    description: 'The start page, the stack panel, ended kernels, folded solutions and addresses.',
    autoStart: true,
    activate: app => {
      refreshStartPage(app);
      runStackPanel(app);
      reportEndedKernels(app);
      removeDeadLinks();
      addStyles();
    }
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB.eventlab = {
    init: () => {},
    get: () => Promise.resolve(() => ({ __esModule: true, default: plugin }))
  };
})();
