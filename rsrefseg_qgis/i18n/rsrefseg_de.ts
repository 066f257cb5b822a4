<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
 <context>
  <name>RSRefSeg</name>
  <message>
   <location filename="../engine/client.py" />
   <source>the engine</source>
   <translation>die Engine</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>the plugin</source>
   <translation>das Plugin</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine refuses the token; set the engine's token in the plugin's settings.</source>
   <translation>Die Engine lehnt das Token ab; geben Sie ihr Token in den Einstellungen des Plugins an.</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine's token holds characters that no token has; copy it again into the plugin's settings.</source>
   <translation>Das Token der Engine enthält Zeichen, die es in keinem Token gibt; kopieren Sie es noch einmal in die Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine speaks version {theirs} of the protocol and the plugin version {ours}; update {older}.</source>
   <translation>Die Engine spricht Version {theirs} des Protokolls und das Plugin Version {ours}; aktualisieren Sie {older}.</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>What answers is no engine, or one that this plugin does not understand (HTTP status {status}); check the address and the engine's version.</source>
   <translation>Was dort antwortet, ist keine Engine oder eine, die dieses Plugin nicht versteht (HTTP-Status {status}); prüfen Sie die Adresse und die Version der Engine.</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine broke off (HTTP status {status}); try again.</source>
   <translation>Die Engine hat abgebrochen (HTTP-Status {status}); versuchen Sie es noch einmal.</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Installing the downloaded packages</source>
   <translation>Heruntergeladene Pakete werden installiert</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Looking for a Python</source>
   <translation>Ein Python wird gesucht</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>The engine is installed</source>
   <translation>Die Engine ist installiert</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Installing packages, this takes minutes</source>
   <translation>Pakete werden installiert, das dauert Minuten</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Checking the engine</source>
   <translation>Die Engine wird geprüft</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>{step} {name}</source>
   <translation>{step} {name}</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Making an environment from {python}</source>
   <translation>Eine Umgebung aus {python} wird angelegt</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Another QGIS window is installing the engine; wait until it is done and try again.</source>
   <translation>Ein anderes QGIS-Fenster installiert gerade die Engine; warten Sie, bis es fertig ist, und versuchen Sie es dann noch einmal.</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>The engine needs about {needed:.0f} GB and {free:.1f} GB are free; free some, or choose another folder in the plugin's settings: {folder}</source>
   <translation>Die Engine braucht etwa {needed:.0f} GB, frei sind {free:.1f} GB; schaffen Sie Platz oder wählen Sie in den Einstellungen des Plugins einen anderen Ordner: {folder}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>it was killed, perhaps for lack of memory</source>
   <translation>sie wurde beendet, vielleicht aus Mangel an Speicher</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine was stopped while it worked; run it again, it starts anew by itself.</source>
   <translation>Die Engine wurde mitten in der Arbeit beendet; starten Sie die Suche noch einmal, die Engine startet von selbst neu.</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>code {code}</source>
   <translation>Code {code}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine is not installed yet; press “Install engine…” in the RSRefSeg panel (about 1.5 GB, once).</source>
   <translation>Die Engine ist noch nicht installiert; drücken Sie im RSRefSeg-Bedienfeld „Engine installieren…“ (einmalig etwa 1,5 GB).</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine ended in the middle of the request ({why}); run it again, the engine starts anew by itself. Its log: {log}</source>
   <translation>Die Engine endete mitten in der Anfrage ({why}); starten Sie sie noch einmal, die Engine startet von selbst neu. Ihr Protokoll: {log}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>signal {number}</source>
   <translation>Signal {number}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine did not load its model in time; try again, or raise the time limit in the plugin's settings.</source>
   <translation>Die Engine hat ihr Modell nicht rechtzeitig geladen; versuchen Sie es noch einmal oder erhöhen Sie die Zeitgrenze in den Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>http:// would show the engine's token to the network; use https:// in the plugin's settings, or a tunnel to 127.0.0.1: {url}</source>
   <translation>http:// würde das Token der Engine im Netzwerk lesbar machen; verwenden Sie in den Einstellungen des Plugins https:// oder einen Tunnel zu 127.0.0.1: {url}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine could not load its model; see its log.</source>
   <translation>Die Engine konnte ihr Modell nicht laden; sehen Sie in ihr Protokoll.</translation>
  </message>
  <message>
   <location filename="../engine/parse.py" />
   <source>“{field}” is no {wanted}</source>
   <translation>„{field}“ ist kein {wanted}</translation>
  </message>
  <message>
   <location filename="../engine/parse.py" />
   <source>The engine's answer is not understood ({where}); repair the engine in the plugin's settings so that both are of the same version.</source>
   <translation>Die Antwort der Engine ist nicht zu verstehen ({where}); reparieren Sie die Engine in den Einstellungen des Plugins, damit beide dieselbe Version haben.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The disk is full; free about 4 GB, or choose another folder for the engine in the plugin's settings, and install again: {folder}</source>
   <translation>Der Datenträger ist voll; schaffen Sie etwa 4 GB Platz oder wählen Sie in den Einstellungen des Plugins einen anderen Ordner für die Engine und installieren Sie noch einmal: {folder}</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The proxy refused the download; set it for pip (pip config set global.proxy http://user:password@host:port) and install again.</source>
   <translation>Der Proxy hat das Herunterladen abgelehnt; stellen Sie ihn für pip ein (pip config set global.proxy http://user:password@host:port) und installieren Sie noch einmal.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The package index could not be trusted, often because a proxy replaces certificates; give pip the proxy's certificate (pip config set global.cert FILE) and install again.</source>
   <translation>Dem Paketindex konnte nicht vertraut werden, oft weil ein Proxy Zertifikate ersetzt; geben Sie pip das Zertifikat des Proxys (pip config set global.cert DATEI) und installieren Sie noch einmal.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The package index could not be reached; check the network and install again (what was downloaded is kept), or choose a folder of wheels in the plugin's settings.</source>
   <translation>Der Paketindex war nicht zu erreichen; prüfen Sie das Netzwerk und installieren Sie noch einmal (Heruntergeladenes bleibt erhalten) oder wählen Sie in den Einstellungen des Plugins einen Ordner mit Paketen.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>A download was damaged on its way; install again.</source>
   <translation>Eine Datei kam beschädigt an; installieren Sie noch einmal.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The engine's folder cannot be written; close other QGIS windows, or choose another folder in the plugin's settings: {folder}</source>
   <translation>Der Ordner der Engine ist nicht beschreibbar; schließen Sie andere QGIS-Fenster oder wählen Sie in den Einstellungen des Plugins einen anderen Ordner: {folder}</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The engine's folder has too long a name; choose a short one, such as C:\rsrefseg, in the plugin's settings: {folder}</source>
   <translation>Der Ordner der Engine hat einen zu langen Namen; wählen Sie in den Einstellungen des Plugins einen kurzen wie C:\rsrefseg: {folder}</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>A package is not to be had for this system ({why}); choose another Python (3.11 is best) or another folder of wheels in the plugin's settings.</source>
   <translation>Ein Paket gibt es für dieses System nicht ({why}); wählen Sie in den Einstellungen des Plugins ein anderes Python (am besten 3.11) oder einen anderen Ordner mit Paketen.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The installation failed ({why}); install again with “Repair”, or see its log in {folder}</source>
   <translation>Die Installation ist fehlgeschlagen ({why}); installieren Sie mit „Reparieren“ noch einmal oder sehen Sie in das Protokoll in {folder}</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>no message</source>
   <translation>keine Meldung</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine ended at its start with code {code} ({why}); repair the engine in the plugin's settings, or see its log: {log}</source>
   <translation>Die Engine endete beim Start mit Code {code} ({why}); reparieren Sie sie in den Einstellungen des Plugins oder sehen Sie in ihr Protokoll: {log}</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine has no output; try again.</source>
   <translation>Die Engine gibt nichts aus; versuchen Sie es noch einmal.</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine is not complete in its environment ({why}); repair the engine in the plugin's settings.</source>
   <translation>Die Engine ist in ihrer Umgebung unvollständig ({why}); reparieren Sie sie in den Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine did not start in time; try again, or raise the time limit in the plugin's settings. Its log: {log}</source>
   <translation>Die Engine ist nicht rechtzeitig gestartet; versuchen Sie es noch einmal oder erhöhen Sie die Zeitgrenze in den Einstellungen des Plugins. Ihr Protokoll: {log}</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine could not be started with {python} ({why}); repair the engine in the plugin's settings.</source>
   <translation>Die Engine ließ sich mit {python} nicht starten ({why}); reparieren Sie sie in den Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../engine/proxy.py" />
   <source>QGIS's proxy is of the kind {kind}, which cannot reach a remote engine; use an HTTP proxy, or exclude {url} from it in QGIS's network settings.</source>
   <translation>Der Proxy von QGIS ist von der Art {kind}, mit der keine entfernte Engine zu erreichen ist; verwenden Sie einen HTTP-Proxy oder nehmen Sie {url} in den Netzwerkeinstellungen von QGIS davon aus.</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>No Python 3.10 to 3.13 was found; install one from https://www.python.org/downloads or choose one in the plugin's settings.</source>
   <translation>Kein Python 3.10 bis 3.13 gefunden; installieren Sie eines von https://www.python.org/downloads oder wählen Sie eines in den Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>No Python 3.10 to 3.13 was found; install one (Debian, Ubuntu: sudo apt install python3 python3-venv) or choose one in the plugin's settings.</source>
   <translation>Kein Python 3.10 bis 3.13 gefunden; installieren Sie eines (Debian, Ubuntu: sudo apt install python3 python3-venv) oder wählen Sie eines in den Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it is a 32-bit Python, 64 bits are needed</source>
   <translation>es ist ein Python mit 32 Bit, nötig sind 64</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it is a free-threaded Python, which PyTorch does not fit</source>
   <translation>es ist ein Python ohne GIL, zu dem PyTorch nicht passt</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it does not run</source>
   <translation>es läuft nicht</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it is Python {version}, 3.10 to 3.13 is needed</source>
   <translation>es ist Python {version}, nötig ist 3.10 bis 3.13</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>its venv module is missing (Debian, Ubuntu: sudo apt install python{version}-venv)</source>
   <translation>ihm fehlt das Modul venv (Debian, Ubuntu: sudo apt install python{version}-venv)</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>The Python at {path} cannot be used: {why}; then try again.</source>
   <translation>Das Python in {path} ist nicht verwendbar: {why}; versuchen Sie es danach noch einmal.</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>The Python chosen in the plugin's settings cannot be used ({why}): {path}</source>
   <translation>Das in den Einstellungen des Plugins gewählte Python ist nicht verwendbar ({why}): {path}</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>Nobody that this system trusts vouches for the engine at {url}; if {found} is the fingerprint that the engine prints when it starts, set it in the plugin's settings.</source>
   <translation>Niemand, dem dieses System vertraut, bürgt für die Engine unter {url}; wenn {found} der Fingerabdruck ist, den die Engine beim Start ausgibt, tragen Sie ihn in den Einstellungen des Plugins ein.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The engine at {host} shows another certificate than the trusted one; if its operator has renewed it, set the new fingerprint in the plugin's settings: {found}</source>
   <translation>Die Engine auf {host} zeigt ein anderes Zertifikat als das vertraute; wenn ihr Betreiber es erneuert hat, tragen Sie den neuen Fingerabdruck in den Einstellungen des Plugins ein: {found}</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The engine at {url} could not be reached safely ({why}); check the address.</source>
   <translation>Die Engine unter {url} war nicht sicher zu erreichen ({why}); prüfen Sie die Adresse.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The certificate of the engine at {url} has expired; renew it on the server.</source>
   <translation>Das Zertifikat der Engine unter {url} ist abgelaufen; erneuern Sie es auf dem Server.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The certificate of the engine at {url} is not valid yet; check both clocks.</source>
   <translation>Das Zertifikat der Engine unter {url} gilt noch nicht; prüfen Sie beide Uhren.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The certificate of the engine at {url} is for another name than {host}; use the name that it is for.</source>
   <translation>Das Zertifikat der Engine unter {url} gilt für einen anderen Namen als {host}; verwenden Sie den, für den es gilt.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>no TLS connection comes about there: {why}</source>
   <translation>dort kommt keine TLS-Verbindung zustande: {why}</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>“{text}” is no SHA-256 fingerprint of a certificate; copy the 64 digits that the engine prints when it starts into the plugin's settings.</source>
   <translation>„{text}“ ist kein SHA-256-Fingerabdruck eines Zertifikats; kopieren Sie die 64 Stellen, die die Engine beim Start ausgibt, in die Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>The token of the remote engine is no longer in QGIS's authentication database; enter it again in the plugin's settings.</source>
   <translation>Das Token der entfernten Engine ist nicht mehr in der Authentifizierungsdatenbank von QGIS; geben Sie es in den Einstellungen des Plugins noch einmal ein.</translation>
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>QGIS's authentication database is switched off, so that no token can be kept; set the environment variable RSREFSEG_ENGINE_TOKEN instead.</source>
   <translation>Die Authentifizierungsdatenbank von QGIS ist abgeschaltet, sodass kein Token aufbewahrt werden kann; setzen Sie stattdessen die Umgebungsvariable RSREFSEG_ENGINE_TOKEN.</translation>
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>The token of the remote engine is locked; try again and give QGIS the master password of its authentication database.</source>
   <translation>Das Token der entfernten Engine ist gesperrt; versuchen Sie es noch einmal und geben Sie QGIS das Hauptpasswort seiner Authentifizierungsdatenbank.</translation>
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>QGIS's authentication database did not take the token; check it under Options, Authentication.</source>
   <translation>Die Authentifizierungsdatenbank von QGIS hat das Token nicht angenommen; prüfen Sie sie unter Optionen, Authentifizierung.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The connection to the engine at {url} broke ({why}); try again.</source>
   <translation>Die Verbindung zur Engine unter {url} ist abgerissen ({why}); versuchen Sie es noch einmal.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>“{url}” is no address of an engine; give one like https://server:8443 in the plugin's settings.</source>
   <translation>„{url}“ ist keine Adresse einer Engine; geben Sie in den Einstellungen des Plugins eine wie https://server:8443 an.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The proxy did not let the connection to {url} through ({why}); check QGIS's network settings.</source>
   <translation>Der Proxy hat die Verbindung zu {url} nicht durchgelassen ({why}); prüfen Sie die Netzwerkeinstellungen von QGIS.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The engine at {url} gave no answer in time; try a smaller extent or raise the time limit in the plugin's settings.</source>
   <translation>Die Engine unter {url} hat nicht rechtzeitig geantwortet; versuchen Sie es mit einer kleineren Ausdehnung oder erhöhen Sie die Zeitgrenze in den Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The engine's address {url} is not known; check it in the plugin's settings and check the network.</source>
   <translation>Die Adresse {url} der Engine ist nicht bekannt; prüfen Sie sie in den Einstellungen des Plugins und prüfen Sie das Netzwerk.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>Nothing answers at {url}; start the engine there and try again.</source>
   <translation>Unter {url} antwortet nichts; starten Sie dort die Engine und versuchen Sie es noch einmal.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>What answers at {url} is no engine ({why}); check the address in the plugin's settings.</source>
   <translation>Was unter {url} antwortet, ist keine Engine ({why}); prüfen Sie die Adresse in den Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../errors.py" />
   <source>“{text}”</source>
   <translation>„{text}“</translation>
  </message>
  <message>
   <location filename="../errors.py" />
   <source>Cancelled.</source>
   <translation>Abgebrochen.</translation>
  </message>
  <message>
   <location filename="../gui/ahead.py" />
   <source>The raster layer is gone; choose another.</source>
   <translation>Der Rasterlayer ist nicht mehr da; wählen Sie einen anderen.</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Result</source>
   <translation>Ergebnis</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Show best guess</source>
   <translation>Beste Vermutung zeigen</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Draw what comes nearest, although the model takes it for no match</source>
   <translation>Zeichnen, was der Beschreibung am nächsten kommt, obwohl das Modell es nicht für einen Treffer hält</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Heat map</source>
   <translation>Heatmap</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Show on the map where the model looked and how likely each place is</source>
   <translation>Auf der Karte zeigen, wohin das Modell gesehen hat und wie wahrscheinlich jede Stelle ist</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Add to layer…</source>
   <translation>Zu Layer hinzufügen…</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Add the polygons to a polygon layer of yours, field by field</source>
   <translation>Die Polygone Feld für Feld zu einem Ihrer Polygonlayer hinzufügen</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Export to GeoPackage…</source>
   <translation>Als GeoPackage exportieren…</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Write the result into a GeoPackage</source>
   <translation>Das Ergebnis in ein GeoPackage schreiben</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Shape</source>
   <translation>Form</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>How outlines are drawn; they change as you look</source>
   <translation>Wie Umrisse gezeichnet werden; sie ändern sich sofort</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Add to layer</source>
   <translation>Zu Layer hinzufügen</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Layer to add to</source>
   <translation>Ziellayer</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>A polygon layer that can be edited</source>
   <translation>Ein Polygonlayer, der bearbeitet werden kann</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Layer</source>
   <translation>Layer</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>What goes into each field. The edits can be undone until you save them.</source>
   <translation>Was in welches Feld kommt. Bis Sie speichern, lassen sich die Änderungen rückgängig machen.</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>There is no polygon layer that can be edited; add or create one first.</source>
   <translation>Es gibt keinen Polygonlayer, der bearbeitet werden kann; fügen Sie zuerst einen hinzu oder legen Sie einen an.</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>(leave empty)</source>
   <translation>(leer lassen)</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Add {count} polygons</source>
   <translation>{count} Polygone hinzufügen</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>What is put into the field “{name}”</source>
   <translation>Was in das Feld „{name}“ kommt</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine not installed</source>
   <translation>Engine nicht installiert</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine starts with the first question</source>
   <translation>Engine startet mit der ersten Frage</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine is starting…</source>
   <translation>Engine startet…</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine ready</source>
   <translation>Engine bereit</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine at work</source>
   <translation>Engine arbeitet</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine failed</source>
   <translation>Engine ausgefallen</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine unreachable</source>
   <translation>Engine nicht erreichbar</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>State of the engine</source>
   <translation>Zustand der Engine</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Why this device, and what is cached</source>
   <translation>Warum dieses Gerät, und was im Zwischenspeicher liegt</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Install engine…</source>
   <translation>Engine installieren…</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Install the engine into a folder of its own; QGIS's Python is left alone</source>
   <translation>Die Engine in einen eigenen Ordner installieren; das Python von QGIS bleibt unberührt</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Settings of RSRefSeg</source>
   <translation>Einstellungen von RSRefSeg</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>1 view ready</source>
   <translation>1 Ansicht bereit</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>Engine {version}</source>
   <translation>Engine {version}</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>{views} ({size} of {budget})</source>
   <translation>{views} ({size} von {budget})</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>Model: {name}</source>
   <translation>Modell: {name}</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>Device: {name}, {precision}. {why}</source>
   <translation>Gerät: {name}, {precision}. {why}</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>{count} views ready</source>
   <translation>{count} Ansichten bereit</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Export to GeoPackage</source>
   <translation>Als GeoPackage exportieren</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>GeoPackage (*.gpkg)</source>
   <translation>GeoPackage (*.gpkg)</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>It has no layers that can be read.</source>
   <translation>Sie enthält keine lesbaren Layer.</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Replace file</source>
   <translation>Datei ersetzen</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>{name} is there already.</source>
   <translation>{name} gibt es schon.</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Append to {layer}</source>
   <translation>An {layer} anhängen</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Replace {layer}</source>
   <translation>{layer} ersetzen</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Layers in it: {layers}.</source>
   <translation>Layer darin: {layers}.</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Add as new layer</source>
   <translation>Als neuen Layer hinzufügen</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Extent</source>
   <translation>Ausdehnung</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>What part of the raster is looked at</source>
   <translation>Welcher Teil des Rasters durchsucht wird</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Draw a rectangle on the map</source>
   <translation>Ein Rechteck auf der Karte aufziehen</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Visible map</source>
   <translation>Sichtbare Karte</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Whole layer</source>
   <translation>Ganzer Layer</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Drawn rectangle</source>
   <translation>Gezeichnetes Rechteck</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Selected features</source>
   <translation>Gewählte Objekte</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Select features of a vector layer and make it the active layer first.</source>
   <translation>Wählen Sie zuerst Objekte eines Vektorlayers und machen Sie ihn zum aktiven Layer.</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Draw a rectangle on the map first, or choose another extent.</source>
   <translation>Ziehen Sie zuerst ein Rechteck auf der Karte auf oder wählen Sie eine andere Ausdehnung.</translation>
  </message>
  <message>
   <location filename="../gui/group.py" />
   <source>Fold or unfold “{title}”</source>
   <translation>„{title}“ ein- oder ausklappen</translation>
  </message>
  <message>
   <location filename="../gui/heat_map.py" />
   <source>Ask for something first; then its heat map can be shown.</source>
   <translation>Suchen Sie zuerst etwas; dann gibt es dazu eine Heatmap.</translation>
  </message>
  <message>
   <location filename="../gui/heat_map.py" />
   <source>{phrase}: where the model looked</source>
   <translation>{phrase}: wohin das Modell gesehen hat</translation>
  </message>
  <message>
   <location filename="../gui/heat_map.py" />
   <source>{phrase}: probability</source>
   <translation>{phrase}: Wahrscheinlichkeit</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>Help (F1)</source>
   <translation>Hilfe (F1)</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>Help</source>
   <translation>Hilfe</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>User guide</source>
   <translation>Benutzerhandbuch</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>RSRefSeg: user guide</source>
   <translation>RSRefSeg: Benutzerhandbuch</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Runs of this project</source>
   <translation>Läufe dieses Projekts</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>What was asked in this project; Enter runs it again</source>
   <translation>Was in diesem Projekt gesucht wurde; die Eingabetaste wiederholt es</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Run again</source>
   <translation>Wiederholen</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Ask the chosen run again, as it was</source>
   <translation>Den gewählten Lauf unverändert wiederholen</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Open in Toolbox…</source>
   <translation>In der Werkzeugkiste öffnen…</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Open the chosen run in “Segment by phrase” of the Processing Toolbox</source>
   <translation>Den gewählten Lauf in „Nach Beschreibung segmentieren“ der Verarbeitungswerkzeuge öffnen</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Clear</source>
   <translation>Leeren</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Forget the runs of this project; layers stay</source>
   <translation>Die Läufe dieses Projekts vergessen; Layer bleiben</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Right angles</source>
   <translation>Rechte Winkel</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Layer: {name}</source>
   <translation>Layer: {name}</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Extent: {extent}</source>
   <translation>Ausdehnung: {extent}</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Model: {name} ({digest})</source>
   <translation>Modell: {name} ({digest})</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Threshold {threshold}, minimum area {area} m², simplification {simplify} m</source>
   <translation>Schwellwert {threshold}, Mindestfläche {area} m², Vereinfachung {simplify} m</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Only what is {relation}</source>
   <translation>Nur was {relation} liegt</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Clicks: {count}</source>
   <translation>Klicks: {count}</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Install the RSRefSeg engine</source>
   <translation>RSRefSeg-Engine installieren</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>The engine is the part that looks at the pixels. It gets a Python environment of its own in a folder of yours; QGIS and its Python are left as they are. After that everything works without a network, and no raster and no phrase leaves this machine.</source>
   <translation>Die Engine ist der Teil, der die Pixel auswertet. Sie bekommt eine eigene Python-Umgebung in einem Ordner von Ihnen; QGIS und sein Python bleiben, wie sie sind. Danach geht alles ohne Netzwerk, und kein Raster und keine Beschreibung verlässt diesen Rechner.</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>How the installation stands</source>
   <translation>Stand der Installation</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Folder for the engine's environment, logs and downloads</source>
   <translation>Ordner für Umgebung, Protokolle und Downloads der Engine</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Folder of the engine</source>
   <translation>Ordner der Engine</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Which PyTorch to install; automatic takes CUDA where an NVIDIA driver answers</source>
   <translation>Welches PyTorch installiert wird; automatisch heißt CUDA, wo ein NVIDIA-Treiber antwortet</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>What</source>
   <translation>Was</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>From</source>
   <translation>Woher</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>With</source>
   <translation>Womit</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>How large</source>
   <translation>Wie groß</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Where</source>
   <translation>Wohin</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>PyTorch</source>
   <translation>PyTorch</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Progress</source>
   <translation>Fortschritt</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Install</source>
   <translation>Installieren</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Stop</source>
   <translation>Anhalten</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Stop; what is downloaded already is kept</source>
   <translation>Anhalten; Heruntergeladenes bleibt erhalten</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Close</source>
   <translation>Schließen</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Python {version}: {path}</source>
   <translation>Python {version}: {path}</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>no Python that fits</source>
   <translation>kein passendes Python</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>{download} to download, {disk} on the disk; {free} are free</source>
   <translation>{download} herunterzuladen, {disk} auf dem Datenträger; {free} sind frei</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>The engine is installed. Type what to find into the RSRefSeg panel.</source>
   <translation>Die Engine ist installiert. Geben Sie im RSRefSeg-Bedienfeld ein, was Sie suchen.</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Repair</source>
   <translation>Reparieren</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>{percent}%</source>
   <translation>{percent} %</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>several GB to download; {needed} must be free for it, {free} are</source>
   <translation>mehrere GB herunterzuladen; {needed} müssen dafür frei sein, {free} sind es</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Stopped. “Install” goes on from what is there already.</source>
   <translation>Angehalten. „Installieren“ macht dort weiter.</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>{packages} and what they need, about 60 packages with locked versions</source>
   <translation>{packages} und was sie brauchen, etwa 60 Pakete in festgelegten Versionen</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>The engine is installed ({size}); “Repair” installs it anew.</source>
   <translation>Die Engine ist installiert ({size}); „Reparieren“ installiert sie neu.</translation>
  </message>
  <message>
   <location filename="../gui/keeping.py" />
   <source>The results were saved with the project, in {path}.</source>
   <translation>Die Ergebnisse wurden mit dem Projekt gespeichert, in {path}.</translation>
  </message>
  <message>
   <location filename="../gui/keeping.py" />
   <source>The results could not be saved with the project ({why}); use “Export to GeoPackage…”.</source>
   <translation>Die Ergebnisse konnten nicht mit dem Projekt gespeichert werden ({why}); verwenden Sie „Als GeoPackage exportieren…“.</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>RSRefSeg</source>
   <translation>RSRefSeg</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Raster layer</source>
   <translation>Rasterlayer</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>The raster layer to look at, as it is drawn on the map</source>
   <translation>Der Rasterlayer, der durchsucht wird, so wie ihn die Karte zeigt</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Raster</source>
   <translation>Raster</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>What to find</source>
   <translation>Was gesucht wird</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Phrase</source>
   <translation>Beschreibung</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>e.g. the red-roofed building left of the road</source>
   <translation>z. B. the red-roofed building left of the road</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Say in words what to find; several phrases are separated by semicolons</source>
   <translation>Mit englischen Worten sagen, was gesucht wird; mehrere Beschreibungen durch Semikolon trennen</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Examples</source>
   <translation>Beispiele</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Segment</source>
   <translation>Segmentieren</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Find it and draw the outlines (Enter)</source>
   <translation>Suchen und Umrisse zeichnen (Eingabetaste)</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Cancel</source>
   <translation>Abbrechen</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Stop what is going on</source>
   <translation>Anhalten, was gerade läuft</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Relative to your own data</source>
   <translation>Lage zu eigenen Daten</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Keep only what lies so to the features of a layer of yours</source>
   <translation>Nur behalten, was so zu den Objekten eines Ihrer Layer liegt</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>History</source>
   <translation>Verlauf</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>The runs of this project</source>
   <translation>Die Läufe dieses Projekts</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>There is no raster to look at; add a raster layer first.</source>
   <translation>Es gibt kein Raster zum Durchsuchen; fügen Sie zuerst einen Rasterlayer hinzu.</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Try: {examples}</source>
   <translation>Etwa: {examples}</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Type what to look for, such as “{example}”.</source>
   <translation>Geben Sie ein, was Sie suchen, etwa „{example}“.</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Undo the last change</source>
   <translation>Letzte Änderung rückgängig machen</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Redo the last change</source>
   <translation>Letzte Änderung wiederherstellen</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Click on the map what belongs to it</source>
   <translation>Auf der Karte anklicken, was dazugehört</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Click on the map what does not belong to it</source>
   <translation>Auf der Karte anklicken, was nicht dazugehört</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Draw a box around it on the map</source>
   <translation>Auf der Karte einen Rahmen darum aufziehen</translation>
  </message>
  <message>
   <location filename="../gui/refining.py" />
   <source>Ask for something first; then clicks refine the answer.</source>
   <translation>Suchen Sie zuerst etwas; dann verfeinern Klicks die Antwort.</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Relation</source>
   <translation>Lage</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Keep only what lies so to the nearest feature of a layer of yours; left is west and above is north</source>
   <translation>Nur behalten, was so zum nächsten Objekt eines Ihrer Layer liegt; links ist Westen, oben ist Norden</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Anywhere</source>
   <translation>Beliebig</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Layer of the relation</source>
   <translation>Vergleichslayer</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>The vector layer that polygons are compared with</source>
   <translation>Der Vektorlayer, mit dem die Polygone verglichen werden</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Distance</source>
   <translation>Entfernung</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>How far at most, measured on the ground</source>
   <translation>Größte Entfernung, am Boden gemessen</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Only</source>
   <translation>Nur</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>The layer of the relation is gone; choose another.</source>
   <translation>Der Vergleichslayer ist nicht mehr da; wählen Sie einen anderen.</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Choose the layer that “{relation}” is about, or choose “Anywhere”.</source>
   <translation>Wählen Sie den Layer, um den es bei „{relation}“ geht, oder „Beliebig“.</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Candidates</source>
   <translation>Kandidaten</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Checked polygons are kept; point at one to see it on the map</source>
   <translation>Angehakte Polygone bleiben erhalten; zeigen Sie auf eines, um es auf der Karte zu sehen</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Candidate</source>
   <translation>Kandidat</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Score</source>
   <translation>Güte</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Area</source>
   <translation>Fläche</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The engine is not installed yet (about 1.5 GB, once).</source>
   <translation>Die Engine ist noch nicht installiert (einmalig etwa 1,5 GB).</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The engine is installed; ask for something.</source>
   <translation>Die Engine ist installiert; suchen Sie etwas.</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The result's layer is gone; ask again.</source>
   <translation>Der Ergebnislayer ist nicht mehr da; suchen Sie noch einmal.</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The raster layer was removed; the search in it was stopped.</source>
   <translation>Der Rasterlayer wurde entfernt; die Suche darin wurde angehalten.</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>Exported to {path}.</source>
   <translation>Nach {path} exportiert.</translation>
  </message>
  <message>
   <location filename="../gui/session.py" />
   <source>The raster “{name}” is not in the project; add it and try again.</source>
   <translation>Das Raster „{name}“ ist nicht im Projekt; fügen Sie es hinzu und versuchen Sie es noch einmal.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Not installed yet</source>
   <translation>Noch nicht installiert</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Device</source>
   <translation>Gerät</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Where the model runs; automatic takes a graphics card where one can be used</source>
   <translation>Wo das Modell rechnet; automatisch heißt Grafikkarte, wo eine verwendbar ist</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Precision</source>
   <translation>Genauigkeit</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Numbers that the model calculates with; automatic takes the fastest that is safe</source>
   <translation>Zahlen, mit denen das Modell rechnet; automatisch heißt die schnellsten, die sicher sind</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Memory for encoded images</source>
   <translation>Arbeitsspeicher für Bildmerkmale</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Further phrases on a view that is kept there are answered at once</source>
   <translation>Weitere Beschreibungen zu einem Ausschnitt, der dort liegt, werden sofort beantwortet</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Disk for encoded images</source>
   <translation>Plattenspeicher für Bildmerkmale</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Views that are kept there need not be encoded again in the next session</source>
   <translation>Ausschnitte, die dort liegen, müssen in der nächsten Sitzung nicht neu berechnet werden</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The first answer comes sooner; the processor or graphics card works for it</source>
   <translation>Die erste Antwort kommt früher; dafür arbeitet der Prozessor oder die Grafikkarte</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Encode the extent while the phrase is being typed</source>
   <translation>Ausdehnung schon beim Tippen auswerten</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Address</source>
   <translation>Adresse</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>https:// address of an engine elsewhere; empty: the engine on this machine</source>
   <translation>https://-Adresse einer entfernten Engine; leer: die Engine auf diesem Rechner</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Certificate's fingerprint</source>
   <translation>Zertifikats-Fingerabdruck</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>SHA-256 of a self-signed certificate, as the engine prints it when it starts</source>
   <translation>SHA-256 eines selbst signierten Zertifikats, wie ihn die Engine beim Start ausgibt</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>empty: whom this system trusts</source>
   <translation>leer: wem dieses System vertraut</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Style of new results</source>
   <translation>Stil neuer Ergebnisse</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>A QGIS style file that new result layers get; empty: the plugin's own style</source>
   <translation>Eine QGIS-Stildatei für neue Ergebnislayer; leer: der Stil des Plugins</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Folder of packages</source>
   <translation>Ordner mit Paketen</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Wheels to install from on a machine without a network</source>
   <translation>Wheels, aus denen auf einem Rechner ohne Netzwerk installiert wird</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>All files (*)</source>
   <translation>Alle Dateien (*)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Python to install with</source>
   <translation>Python zum Installieren</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Python 3.10 to 3.13 that the engine's environment is made from</source>
   <translation>Python 3.10 bis 3.13, aus dem die Umgebung der Engine entsteht</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Engine's Python</source>
   <translation>Python der Engine</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Python of an environment of yours that has the engine, instead of the plugin's</source>
   <translation>Python einer eigenen Umgebung mit der Engine, anstelle der des Plugins</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Weights</source>
   <translation>Gewichte</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Weights file of another model; empty: the one that comes with the plugin</source>
   <translation>Gewichtsdatei eines anderen Modells; leer: die mit dem Plugin gelieferte</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Weights (*.safetensors)</source>
   <translation>Gewichte (*.safetensors)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>the plugin's own</source>
   <translation>vom Plugin</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The engine answers.</source>
   <translation>Die Engine antwortet.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>an unknown device</source>
   <translation>einem unbekannten Gerät</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Privacy: no raster, no phrase and no statistics leave this machine. Only installing the engine needs a network, and only a remote engine that you enter below is sent the pixels of the extent and the phrase.</source>
   <translation>Datenschutz: Kein Raster, keine Beschreibung und keine Statistik verlässt diesen Rechner. Nur das Installieren der Engine braucht ein Netzwerk, und nur eine entfernte Engine, die Sie unten eintragen, bekommt die Pixel der Ausdehnung und die Beschreibung.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Looking at the engine…</source>
   <translation>Die Engine wird gesucht…</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Install or repair…</source>
   <translation>Installieren oder reparieren…</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Show what is installed and where, and do it</source>
   <translation>Zeigen, was wohin installiert wird, und es tun</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Engine on this machine</source>
   <translation>Engine auf diesem Rechner</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Token</source>
   <translation>Token</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>What the remote engine asks for; kept encrypted in QGIS's authentication database</source>
   <translation>Was die entfernte Engine verlangt; verschlüsselt in der Authentifizierungsdatenbank von QGIS aufbewahrt</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Test the connection</source>
   <translation>Verbindung prüfen</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Ask the engine at this address how it is</source>
   <translation>Die Engine unter dieser Adresse nach ihrem Zustand fragen</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>How the connection is</source>
   <translation>Zustand der Verbindung</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Remote engine</source>
   <translation>Entfernte Engine</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Results</source>
   <translation>Ergebnisse</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>looked for</source>
   <translation>wird gesucht</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Installation and model</source>
   <translation>Installation und Modell</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Asking the engine…</source>
   <translation>Die Engine wird gefragt…</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Automatic</source>
   <translation>Automatisch</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Processor (CPU)</source>
   <translation>Prozessor (CPU)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>NVIDIA graphics card (CUDA)</source>
   <translation>NVIDIA-Grafikkarte (CUDA)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Apple graphics (MPS)</source>
   <translation>Apple-Grafik (MPS)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>32 bit: exact, slowest</source>
   <translation>32 Bit: genau, am langsamsten</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>bfloat16: for newer hardware</source>
   <translation>bfloat16: für neuere Geräte</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>16 bit: for graphics cards</source>
   <translation>16 Bit: für Grafikkarten</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The engine answers: version {version}, model {model}, on {device}.</source>
   <translation>Die Engine antwortet: Version {version}, Modell {model}, auf {device}.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>an eighth of it</source>
   <translation>ein Achtel davon</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>none</source>
   <translation>keiner</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Style (*.qml)</source>
   <translation>Stil (*.qml)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>from the network</source>
   <translation>aus dem Netzwerk</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>the installed one</source>
   <translation>das installierte</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The engine of your own environment is used: {python}</source>
   <translation>Die Engine Ihrer eigenen Umgebung wird verwendet: {python}</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Installed in {folder} ({size})</source>
   <translation>Installiert in {folder} ({size})</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Probability from which a pixel counts: less finds more, more is surer</source>
   <translation>Wahrscheinlichkeit, ab der ein Pixel zählt: weniger findet mehr, mehr ist sicherer</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Threshold</source>
   <translation>Schwellwert</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Minimum area</source>
   <translation>Mindestfläche</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Simplification</source>
   <translation>Vereinfachung</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Smaller polygons are left out</source>
   <translation>Kleinere Polygone werden weggelassen</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Outlines are made simpler within this tolerance</source>
   <translation>Umrisse werden innerhalb dieser Toleranz vereinfacht</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Corners become square where that hardly moves an outline</source>
   <translation>Ecken werden rechtwinklig, wo das den Umriss kaum verschiebt</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Simplify</source>
   <translation>Vereinfachen</translation>
  </message>
  <message>
   <location filename="../gui/shaping.py" />
   <source>Its best guess stays below the threshold; lower that to see it.</source>
   <translation>Die beste Vermutung bleibt unter dem Schwellwert; senken Sie ihn, um sie zu sehen.</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>{size} MB</source>
   <translation>{size} MB</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>For the processor (CPU)</source>
   <translation>Für den Prozessor (CPU)</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>For NVIDIA graphics cards (CUDA)</source>
   <translation>Für NVIDIA-Grafikkarten (CUDA)</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>{size} GB</source>
   <translation>{size} GB</translation>
  </message>
  <message>
   <location filename="../gui/workbench.py" />
   <source>QGIS's Processing is not active; activate its plugin and try again.</source>
   <translation>Die Verarbeitung von QGIS ist nicht aktiv; aktivieren Sie ihr Plugin und versuchen Sie es noch einmal.</translation>
  </message>
  <message>
   <location filename="../gui/workbench.py" />
   <source>There are no polygons to add; ask for something first.</source>
   <translation>Es gibt keine Polygone zum Hinzufügen; suchen Sie zuerst etwas.</translation>
  </message>
  <message>
   <location filename="../gui/workbench.py" />
   <source>{count} polygons added to “{layer}”; save its edits to keep them.</source>
   <translation>{count} Polygone zu „{layer}“ hinzugefügt; speichern Sie die Änderungen, um sie zu behalten.</translation>
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>Add segmented polygons</source>
   <translation>Segmentierte Polygone hinzufügen</translation>
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>The layer “{name}” cannot be edited; choose another.</source>
   <translation>Der Layer „{name}“ ist nicht bearbeitbar; wählen Sie einen anderen.</translation>
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>The layer “{name}” does not take the polygons; choose another.</source>
   <translation>Der Layer „{name}“ nimmt die Polygone nicht an; wählen Sie einen anderen.</translation>
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>A polygon cannot be expressed in the CRS of “{name}”; choose another.</source>
   <translation>Ein Polygon lässt sich nicht im KBS von „{name}“ ausdrücken; wählen Sie einen anderen.</translation>
  </message>
  <message>
   <location filename="../layers/area.py" />
   <source>The layer to keep to has no polygons; choose another, or select some of it.</source>
   <translation>Der begrenzende Layer hat keine Polygone; wählen Sie einen anderen oder einige seiner Objekte.</translation>
  </message>
  <message>
   <location filename="../layers/area.py" />
   <source>A polygon cannot be expressed in {crs}; reproject its layer, or leave it out.</source>
   <translation>Ein Polygon lässt sich nicht in {crs} ausdrücken; projizieren Sie seinen Layer um oder lassen Sie ihn weg.</translation>
  </message>
  <message>
   <location filename="../layers/chips.py" />
   <source>{path} cannot be written ({why}); choose another folder.</source>
   <translation>{path} ist nicht beschreibbar ({why}); wählen Sie einen anderen Ordner.</translation>
  </message>
  <message>
   <location filename="../layers/chips.py" />
   <source>no room</source>
   <translation>kein Platz</translation>
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>{path} cannot be written ({why}); choose another place.</source>
   <translation>{path} ist nicht beschreibbar ({why}); wählen Sie einen anderen Ort.</translation>
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>There is no folder {folder}; choose another place.</source>
   <translation>Den Ordner {folder} gibt es nicht; wählen Sie einen anderen Ort.</translation>
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>{path} is there already; choose another name, or say what to do with it.</source>
   <translation>{path} gibt es schon; wählen Sie einen anderen Namen oder sagen Sie, was damit geschehen soll.</translation>
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>{path} has a layer “{table}” already; replace it, append to it or rename.</source>
   <translation>{path} hat schon einen Layer „{table}“; ersetzen Sie ihn, hängen Sie an oder benennen Sie um.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>no data there</source>
   <translation>dort sind keine Daten</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>The layer's style draws no colours; choose another style for it.</source>
   <translation>Der Stil des Layers zeichnet keine Farben; wählen Sie einen anderen Stil.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>The pixels cannot be written to the folder for temporary files ({why}); free some room there, or choose a smaller extent.</source>
   <translation>Die Pixel lassen sich nicht in den Ordner für temporäre Dateien schreiben ({why}); schaffen Sie dort Platz oder wählen Sie eine kleinere Ausdehnung.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>“{name}” shows nothing in this extent ({why}); zoom to its data or choose another extent.</source>
   <translation>„{name}“ zeigt in dieser Ausdehnung nichts ({why}); zoomen Sie auf die Daten oder wählen Sie eine andere Ausdehnung.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>There is no room for {width} x {height} pixels; choose a smaller extent.</source>
   <translation>Für {width} x {height} Pixel ist kein Platz; wählen Sie eine kleinere Ausdehnung.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>The pixels of “{name}” cannot be read ({why}); check its source.</source>
   <translation>Die Pixel von „{name}“ sind nicht lesbar ({why}); prüfen Sie die Quelle.</translation>
  </message>
  <message>
   <location filename="../layers/grid.py" />
   <source>Nothing of the raster lies in this extent; zoom to the layer or choose another.</source>
   <translation>In dieser Ausdehnung liegt nichts vom Raster; zoomen Sie auf den Layer oder wählen Sie eine andere.</translation>
  </message>
  <message>
   <location filename="../layers/mosaic.py" />
   <source>The parts of the extent were answered on different grids; give a ground resolution.</source>
   <translation>Die Teile der Ausdehnung wurden auf verschiedenen Gittern beantwortet; geben Sie eine Bodenauflösung an.</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>left of</source>
   <translation>links von</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>right of</source>
   <translation>rechts von</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>above</source>
   <translation>oberhalb von</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>below</source>
   <translation>unterhalb von</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>within</source>
   <translation>im Umkreis</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>touching</source>
   <translation>berührt</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>inside</source>
   <translation>innerhalb von</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>left of {layer}</source>
   <translation>links von {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>right of {layer}</source>
   <translation>rechts von {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>above {layer}</source>
   <translation>oberhalb von {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>below {layer}</source>
   <translation>unterhalb von {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>within {distance} m of {layer}</source>
   <translation>höchstens {distance} m von {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>touching {layer}</source>
   <translation>berührt {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>inside {layer}</source>
   <translation>innerhalb von {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>The layer “{name}” has no geometries; choose another for the relation.</source>
   <translation>Der Layer „{name}“ hat keine Geometrien; wählen Sie einen anderen Vergleichslayer.</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>Nothing can be inside of “{name}”, which has no polygons; choose “touching” or “within”, or a polygon layer.</source>
   <translation>Innerhalb von „{name}“ kann nichts liegen, es hat keine Polygone; wählen Sie „berührt“ oder „im Umkreis von“ oder einen Polygonlayer.</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>“{name}” and the raster cannot be brought into one CRS; reproject the layer or choose another.</source>
   <translation>„{name}“ und das Raster lassen sich nicht in ein gemeinsames KBS bringen; projizieren Sie den Layer um oder wählen Sie einen anderen.</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>“{name}” has no features near the extent; choose another layer.</source>
   <translation>„{name}“ hat keine Objekte in der Nähe der Ausdehnung; wählen Sie einen anderen Layer.</translation>
  </message>
  <message>
   <location filename="../layers/result.py" />
   <source>Polygons for “{phrase}” in “{layer}”, found by {model}.</source>
   <translation>Polygone für „{phrase}“ in „{layer}“, gefunden von {model}.</translation>
  </message>
  <message>
   <location filename="../layers/result.py" />
   <source>The engine answered a geometry of the kind “{kind}”; update the plugin.</source>
   <translation>Die Engine hat mit einer Geometrie der Art „{kind}“ geantwortet; aktualisieren Sie das Plugin.</translation>
  </message>
  <message>
   <location filename="../layers/scratch.py" />
   <source>The extent takes {needed} GB on the disk while it is worked at, and {folder} has {free} GB free; choose a smaller extent or a coarser ground resolution, or free some room.</source>
   <translation>Die Ausdehnung braucht während der Arbeit {needed} GB auf der Platte, und in {folder} sind {free} GB frei; wählen Sie eine kleinere Ausdehnung oder eine gröbere Bodenauflösung, oder schaffen Sie Platz.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer was read already; start again.</source>
   <translation>Der Layer wurde schon gelesen; beginnen Sie noch einmal.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” cannot be read; check that its source is there.</source>
   <translation>Der Layer „{name}“ ist nicht lesbar; prüfen Sie, ob seine Quelle da ist.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” has no extent; set it in the layer's properties.</source>
   <translation>Der Layer „{name}“ hat keine Ausdehnung; setzen Sie sie in den Layereigenschaften.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” has no style to draw it; reset its style.</source>
   <translation>Der Layer „{name}“ hat keinen Stil; setzen Sie seinen Stil zurück.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The extent cannot be expressed in the CRS of “{name}” ({crs}); zoom to the layer or choose another extent.</source>
   <translation>Die Ausdehnung lässt sich nicht im KBS von „{name}“ ({crs}) ausdrücken; zoomen Sie auf den Layer oder wählen Sie eine andere Ausdehnung.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” cannot be drawn apart from the map.</source>
   <translation>Der Layer „{name}“ lässt sich nicht getrennt von der Karte zeichnen.</translation>
  </message>
  <message>
   <location filename="../plugin.py" />
   <source>RSRefSeg panel</source>
   <translation>RSRefSeg-Bedienfeld</translation>
  </message>
  <message>
   <location filename="../plugin.py" />
   <source>Find things in a raster by saying what they are</source>
   <translation>Dinge in einem Raster finden, indem man sagt, was sie sind</translation>
  </message>
  <message>
   <location filename="../plugin.py" />
   <source>There is no result to export; ask for something first.</source>
   <translation>Es gibt kein Ergebnis zum Exportieren; suchen Sie zuerst etwas.</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>Minimum area [m²]</source>
   <translation>Mindestfläche [m²]</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>Simplification [m]</source>
   <translation>Vereinfachung [m]</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>Only inside the polygons of</source>
   <translation>Nur innerhalb der Polygone von</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>phrase,find,outline</source>
   <translation>Beschreibung,finden,Umriss</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>The raster “{name}” cannot be read; check its path.</source>
   <translation>Das Raster „{name}“ ist nicht lesbar; prüfen Sie den Pfad.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Encode ahead</source>
   <translation>Vorab auswerten</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Has the engine look at a raster now, so that phrases are answered faster later.</source>
   <translation>Lässt die Engine ein Raster jetzt auswerten, damit Beschreibungen später schneller beantwortet werden.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>&lt;p&gt;Looking at pixels takes most of the time of a request, and does not depend on the phrase. This does it ahead, for instance over night, and keeps what was seen in the engine's cache on the disk.&lt;/p&gt;&lt;p&gt;It serves later runs of the algorithms and the panel on the &lt;b&gt;same layer, style, extent and ground resolution&lt;/b&gt;, also after QGIS was closed. On extents that take several views of the model, other extents of the layer that share views gain too.&lt;/p&gt;&lt;p&gt;When the layer takes more room than the disk cache has, what was seen first goes first; its size is set in the plugin's settings.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Das Ansehen der Pixel braucht den größten Teil der Zeit einer Anfrage und hängt nicht von der Beschreibung ab. Dieser Algorithmus erledigt es im Voraus, etwa über Nacht, und behält das Gesehene im Plattenspeicher der Engine.&lt;/p&gt;&lt;p&gt;Es nützt späteren Läufen der Algorithmen und des Bedienfelds mit &lt;b&gt;demselben Layer, Stil, derselben Ausdehnung und Bodenauflösung&lt;/b&gt;, auch nachdem QGIS geschlossen war. Bei Ausdehnungen, für die das Modell mehrere Ansichten braucht, gewinnen auch andere Ausdehnungen des Layers, die Ansichten mit ihnen teilen.&lt;/p&gt;&lt;p&gt;Braucht der Layer mehr Platz, als der Plattenspeicher hat, geht das zuerst Gesehene zuerst; seine Größe steht in den Einstellungen des Plugins.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Ground resolution [m]</source>
   <translation>Bodenauflösung [m]</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Views that were looked at</source>
   <translation>Ausgewertete Ausschnitte</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Views in the disk cache</source>
   <translation>Ausschnitte im Plattenspeicher</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Disk cache in use [MB]</source>
   <translation>Belegter Plattenspeicher [MB]</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The run was not prepared; start it again.</source>
   <translation>Der Lauf wurde nicht vorbereitet; starten Sie ihn noch einmal.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The engine keeps nothing on the disk, so this lasts until it ends; give it a disk cache in the plugin's settings.</source>
   <translation>Die Engine behält nichts auf der Platte, dies hält also nur, bis sie endet; geben Sie ihr in den Einstellungen des Plugins einen Plattenspeicher.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The disk cache is full, so some of the layer may have been let go of; make it larger in the plugin's settings, or take a smaller extent.</source>
   <translation>Der Plattenspeicher ist voll, ein Teil des Layers kann daher wieder entfallen sein; vergrößern Sie ihn in den Einstellungen des Plugins oder nehmen Sie eine kleinere Ausdehnung.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Views that were looked at: {count}.</source>
   <translation>Angesehene Ansichten: {count}.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The disk cache holds {count} views, {used} MB of {budget} MB.</source>
   <translation>Der Plattenspeicher enthält {count} Ansichten, {used} MB von {budget} MB.</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Evaluate against a reference layer</source>
   <translation>Mit Referenzlayer vergleichen</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Says how well found polygons agree with those of a reference layer.</source>
   <translation>Sagt, wie gut gefundene Polygone mit denen eines Referenzlayers übereinstimmen.</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>&lt;p&gt;Holds found polygons against a reference. Objects are matched one to one, the best overlap first; a pair counts from an intersection over union (IoU) of 0.5. Areas are measured on the ellipsoid.&lt;/p&gt;&lt;p&gt;&lt;b&gt;IoU&lt;/b&gt;: shared area over the area of both layers.&lt;br&gt;&lt;b&gt;Precision&lt;/b&gt;, &lt;b&gt;recall&lt;/b&gt;, &lt;b&gt;F1&lt;/b&gt;: by matched objects.&lt;br&gt;&lt;b&gt;Mean IoU&lt;/b&gt; and &lt;b&gt;Pr@0.5&lt;/b&gt;: over the phrases that the reference has; Pr@0.5 is the share of them with an IoU above 0.5. Without phrase fields, all of it counts as one phrase.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Phrase fields&lt;/b&gt;: give both to tell phrases apart; texts must be the same up to upper and lower case.&lt;br&gt;&lt;b&gt;Only inside the polygons of&lt;/b&gt;: where the reference is complete; both layers are cut there.&lt;/p&gt;&lt;p&gt;The result has each polygon with what became of it: &lt;i&gt;true positive&lt;/i&gt;, &lt;i&gt;false positive&lt;/i&gt; or &lt;i&gt;miss&lt;/i&gt;. The report is a JSON file with the figures of each phrase. Figures that would divide by nothing are left empty.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Vergleicht gefundene Polygone mit einer Referenz. Objekte werden eins zu eins zugeordnet, die beste Überlappung zuerst; ein Paar zählt ab einem Schnitt durch Vereinigung (IoU) von 0,5. Flächen werden auf dem Ellipsoid gemessen.&lt;/p&gt;&lt;p&gt;&lt;b&gt;IoU&lt;/b&gt;: gemeinsame Fläche durch die Fläche beider Layer.&lt;br&gt;&lt;b&gt;Genauigkeit&lt;/b&gt;, &lt;b&gt;Trefferquote&lt;/b&gt;, &lt;b&gt;F1&lt;/b&gt;: nach zugeordneten Objekten.&lt;br&gt;&lt;b&gt;Mittlere IoU&lt;/b&gt; und &lt;b&gt;Pr@0.5&lt;/b&gt;: über die Beschreibungen der Referenz; Pr@0.5 ist der Anteil derer mit einer IoU über 0,5. Ohne Felder mit Beschreibungen zählt alles als eine Beschreibung.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Felder mit Beschreibungen&lt;/b&gt;: geben Sie beide an, um Beschreibungen zu unterscheiden; die Texte müssen bis auf Groß- und Kleinschreibung gleich sein.&lt;br&gt;&lt;b&gt;Nur innerhalb der Polygone von&lt;/b&gt;: wo die Referenz vollständig ist; beide Layer werden dort abgeschnitten.&lt;/p&gt;&lt;p&gt;Das Ergebnis enthält jedes Polygon mit seinem Urteil: &lt;i&gt;true positive&lt;/i&gt; (richtig gefunden), &lt;i&gt;false positive&lt;/i&gt; (falsch gefunden) oder &lt;i&gt;miss&lt;/i&gt; (übersehen). Der Bericht ist eine JSON-Datei mit den Zahlen jeder Beschreibung. Zahlen, für die durch nichts zu teilen wäre, bleiben leer.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>nothing to divide by</source>
   <translation>nichts zum Teilen</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Evaluation</source>
   <translation>Auswertung</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Found polygons</source>
   <translation>Gefundene Polygone</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Reference polygons</source>
   <translation>Referenzpolygone</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Phrase field of the found polygons</source>
   <translation>Feld der Beschreibung in den gefundenen Polygonen</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Phrase field of the reference</source>
   <translation>Feld der Beschreibung in der Referenz</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Verdicts</source>
   <translation>Bewertung</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Report</source>
   <translation>Bericht</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>JSON files (*.json)</source>
   <translation>JSON-Dateien (*.json)</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Give the phrase field of both layers, or of none.</source>
   <translation>Geben Sie das Feld mit den Beschreibungen für beide Layer an oder für keinen.</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>found and there</source>
   <translation>gefunden und vorhanden</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>found and not there</source>
   <translation>gefunden, aber nicht vorhanden</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>there and not found</source>
   <translation>vorhanden, aber nicht gefunden</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>A layer cannot be read; check that its source is there.</source>
   <translation>Ein Layer ist nicht lesbar; prüfen Sie, ob seine Quelle vorhanden ist.</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>IoU</source>
   <translation>IoU</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Precision at IoU 0.5</source>
   <translation>Genauigkeit bei IoU 0,5</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Recall at IoU 0.5</source>
   <translation>Trefferquote bei IoU 0,5</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>F1 at IoU 0.5</source>
   <translation>F1 bei IoU 0,5</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Mean IoU of the phrases</source>
   <translation>Mittlere IoU der Beschreibungen</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Pr@0.5</source>
   <translation>Pr@0.5</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>True positives</source>
   <translation>Richtig gefunden</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>False positives</source>
   <translation>Falsch gefunden</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Misses</source>
   <translation>Verfehlte</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Export training samples</source>
   <translation>Trainingsbeispiele exportieren</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Makes training samples of a raster and polygons with a field of phrases.</source>
   <translation>Macht Trainingsbeispiele aus einem Raster und Polygonen mit einem Feld voller Beschreibungen.</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>&lt;p&gt;Cuts a raster into chips and writes, for each phrase that polygons on a chip answer, a mask: PNG files, and a file &lt;i&gt;cases.jsonl&lt;/i&gt; that &lt;code&gt;rsrefseg train&lt;/code&gt; and &lt;code&gt;rsrefseg evaluate&lt;/code&gt; read.&lt;/p&gt;&lt;p&gt;All polygons of a phrase that lie on a chip answer it together, so a phrase such as &lt;i&gt;all buildings&lt;/i&gt; needs all of them drawn. Chips without polygons are left out.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Kind&lt;/b&gt;: what the phrases ask for, by which figures are reported: from a field, or one for all. With &lt;i&gt;class&lt;/i&gt;, &lt;i&gt;colour&lt;/i&gt; or &lt;i&gt;material&lt;/i&gt;, training may turn and cut the pictures; leave it for phrases with left, right or largest.&lt;br&gt;&lt;b&gt;Ground resolution&lt;/b&gt;: metres per pixel of the chips; the raster's own pixels by default.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Schneidet ein Raster in Kacheln und schreibt für jede Beschreibung, auf die Polygone einer Kachel antworten, eine Maske: PNG-Dateien und eine Datei &lt;i&gt;cases.jsonl&lt;/i&gt;, die &lt;code&gt;rsrefseg train&lt;/code&gt; und &lt;code&gt;rsrefseg evaluate&lt;/code&gt; lesen.&lt;/p&gt;&lt;p&gt;Alle Polygone einer Beschreibung, die auf einer Kachel liegen, beantworten sie gemeinsam; für eine Beschreibung wie &lt;i&gt;all buildings&lt;/i&gt; müssen also alle eingezeichnet sein. Kacheln ohne Polygone werden ausgelassen.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Art&lt;/b&gt;: wonach die Beschreibungen fragen; danach werden Zahlen berichtet. Aus einem Feld, oder eine für alle. Bei &lt;i&gt;class&lt;/i&gt;, &lt;i&gt;colour&lt;/i&gt; oder &lt;i&gt;material&lt;/i&gt; darf das Training die Bilder drehen und zuschneiden; lassen Sie das bei Beschreibungen mit left, right oder largest.&lt;br&gt;&lt;b&gt;Bodenauflösung&lt;/b&gt;: Meter je Pixel der Kacheln; standardmäßig die Pixel des Rasters.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Labelled polygons</source>
   <translation>Beschriftete Polygone</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Field with the phrases</source>
   <translation>Feld mit den Beschreibungen</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Field with the kinds</source>
   <translation>Feld mit den Arten</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Kind without a field</source>
   <translation>Art ohne Feld</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Side of a chip [pixels]</source>
   <translation>Seitenlänge einer Kachel [Pixel]</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Folder</source>
   <translation>Ordner</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Cases file</source>
   <translation>Datei der Beispiele</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Number of chips</source>
   <translation>Anzahl der Kacheln</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Number of cases</source>
   <translation>Anzahl der Beispiele</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>The labelled polygons cannot be read; check their layer.</source>
   <translation>Die beschrifteten Polygone sind nicht lesbar; prüfen Sie ihren Layer.</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>{cases} cases on {chips} chips: {path}</source>
   <translation>{cases} Beispiele auf {chips} Kacheln: {path}</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Probability raster for a phrase</source>
   <translation>Wahrscheinlichkeitsraster zu einer Beschreibung</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Says for each place of a raster how likely a phrase is true there.</source>
   <translation>Sagt zu jeder Stelle eines Rasters, wie wahrscheinlich eine Beschreibung dort zutrifft.</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>&lt;p&gt;Says for each place of a raster how likely a phrase such as &lt;i&gt;water&lt;/i&gt; is true there, from 0 to 1: for thresholds of your own, for combining with other rasters, or to see why something was found or missed.&lt;/p&gt;&lt;p&gt;The result is a GeoTIFF of one band (32-bit float, NaN where the raster has no data) in the raster's CRS. The extent may be of any size; there are no seams.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Phrase&lt;/b&gt;: one phrase.&lt;br&gt;&lt;b&gt;Extent&lt;/b&gt;: what part of the layer is looked at; all of it by default.&lt;br&gt;&lt;b&gt;Ground resolution&lt;/b&gt;: metres per pixel at which the model looks; by default it chooses what suits it.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Sagt für jede Stelle eines Rasters, wie wahrscheinlich eine Beschreibung wie &lt;i&gt;water&lt;/i&gt; dort zutrifft, von 0 bis 1: für eigene Schwellwerte, zum Verrechnen mit anderen Rastern oder um zu sehen, warum etwas gefunden oder übersehen wurde.&lt;/p&gt;&lt;p&gt;Das Ergebnis ist ein GeoTIFF mit einem Kanal (32-Bit-Gleitkomma, NaN, wo das Raster keine Daten hat) im KBS des Rasters. Die Ausdehnung darf beliebig groß sein; es gibt keine Nähte.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Beschreibung&lt;/b&gt;: eine einzige.&lt;br&gt;&lt;b&gt;Ausdehnung&lt;/b&gt;: welcher Teil des Layers angesehen wird; standardmäßig der ganze.&lt;br&gt;&lt;b&gt;Bodenauflösung&lt;/b&gt;: Meter je Pixel, mit denen das Modell hinsieht; standardmäßig wählt es, was ihm liegt.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Probability</source>
   <translation>Wahrscheinlichkeit</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>{phrase} (probability)</source>
   <translation>{phrase} (Wahrscheinlichkeit)</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Give one phrase; several take one run each.</source>
   <translation>Geben Sie eine Beschreibung an; mehrere brauchen je einen Lauf.</translation>
  </message>
  <message>
   <location filename="../processing/provider.py" />
   <source>RSRefSeg: find things in rasters by phrase</source>
   <translation>RSRefSeg: Dinge in Rastern nach Beschreibung finden</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Regularise polygons</source>
   <translation>Polygone begradigen</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Gives outlines of buildings straight sides and right angles.</source>
   <translation>Gibt Umrissen von Gebäuden gerade Seiten und rechte Winkel.</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>&lt;p&gt;Gives outlines that nearly have right angles, as those of buildings, straight sides and right angles along their main direction. What does not look built in right angles is only simplified; what would change too much is left as it was. The result is always valid; all fields are kept, and a field &lt;i&gt;area_m2&lt;/i&gt; is measured anew.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Tolerance&lt;/b&gt;: how far an outline may move, in metres on the ground (in map units for a layer without a CRS); sides shorter than that go.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Gibt Umrissen, die beinahe rechte Winkel haben, etwa denen von Gebäuden, gerade Seiten und rechte Winkel entlang ihrer Hauptrichtung. Was nicht rechtwinklig gebaut aussieht, wird nur vereinfacht; was sich zu sehr ändern würde, bleibt, wie es war. Das Ergebnis ist immer gültig; alle Felder bleiben erhalten, und ein Feld &lt;i&gt;area_m2&lt;/i&gt; wird neu gemessen.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Toleranz&lt;/b&gt;: wie weit sich ein Umriss verschieben darf, in Metern am Boden (in Karteneinheiten bei einem Layer ohne KBS); kürzere Seiten entfallen.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Tolerance [m]</source>
   <translation>Toleranz [m]</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Polygons</source>
   <translation>Polygone</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Regularised</source>
   <translation>Begradigt</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Number of polygons</source>
   <translation>Anzahl der Polygone</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Segment by phrase</source>
   <translation>Nach Beschreibung segmentieren</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Finds what a phrase says in a raster and gives its outlines as polygons.</source>
   <translation>Findet in einem Raster, was eine Beschreibung sagt, und gibt die Umrisse als Polygone.</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>&lt;p&gt;Finds what a phrase says, such as &lt;i&gt;the red-roofed building left of the road&lt;/i&gt; or &lt;i&gt;all buildings&lt;/i&gt;, in a raster layer, and gives a polygon layer in the raster's CRS with score, area (m², on the ellipsoid) and provenance. Several phrases are separated by semicolons.&lt;/p&gt;&lt;p&gt;The layer is looked at as it is drawn on the map: bands, stretch and colours of its style count. Any raster that QGIS can draw will do, map services too.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Extent&lt;/b&gt;: what part of the layer is looked at; all of it by default, however large it is.&lt;br&gt;&lt;b&gt;Only inside the polygons of&lt;/b&gt;: what is found is cut at their outlines; selected features only, if you say so.&lt;br&gt;&lt;b&gt;Ground resolution&lt;/b&gt;: metres per pixel at which the model looks; by default it chooses what suits it.&lt;br&gt;&lt;b&gt;Threshold&lt;/b&gt;: probability from which a pixel counts.&lt;br&gt;&lt;b&gt;Minimum area&lt;/b&gt; and &lt;b&gt;Simplification&lt;/b&gt;: smaller polygons are left out, outlines are made simpler within the tolerance.&lt;br&gt;&lt;b&gt;Right angles&lt;/b&gt;: corners are made square, as those of buildings are.&lt;br&gt;&lt;b&gt;Best guess where nothing matches&lt;/b&gt;: gives also what the model takes for no match.&lt;br&gt;&lt;b&gt;Only what is&lt;/b&gt;: keeps what lies so to the nearest feature of a layer of yours; left is west and above is north.&lt;br&gt;&lt;b&gt;Points&lt;/b&gt; and &lt;b&gt;box&lt;/b&gt;: point at what is meant, as clicks in the panel do; points are WKT, such as &lt;code&gt;CRS=EPSG:32633;MultiPoint((500000 5200000))&lt;/code&gt;, in the raster's CRS when they name none.&lt;/p&gt;&lt;p&gt;The engine starts on first use and is shared with the RSRefSeg panel. Nothing leaves this machine, unless the settings name an engine elsewhere.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Findet, was eine Beschreibung sagt, etwa &lt;i&gt;the red-roofed building left of the road&lt;/i&gt; oder &lt;i&gt;all buildings&lt;/i&gt;, in einem Rasterlayer und gibt einen Polygonlayer im KBS des Rasters mit Güte, Fläche (m², auf dem Ellipsoid) und Herkunft. Mehrere Beschreibungen werden durch Semikolons getrennt. Das mitgelieferte Modell versteht Englisch.&lt;/p&gt;&lt;p&gt;Der Layer wird so angesehen, wie er auf der Karte gezeichnet ist: Kanäle, Streckung und Farben seines Stils zählen. Jedes Raster, das QGIS zeichnen kann, ist recht, auch Kartendienste.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Ausdehnung&lt;/b&gt;: welcher Teil des Layers angesehen wird; standardmäßig der ganze, so groß er auch ist.&lt;br&gt;&lt;b&gt;Nur innerhalb der Polygone von&lt;/b&gt;: Gefundenes wird an deren Umrissen abgeschnitten; auf Wunsch nur an gewählten Objekten.&lt;br&gt;&lt;b&gt;Bodenauflösung&lt;/b&gt;: Meter je Pixel, mit denen das Modell hinsieht; standardmäßig wählt es, was ihm liegt.&lt;br&gt;&lt;b&gt;Schwellwert&lt;/b&gt;: Wahrscheinlichkeit, ab der ein Pixel zählt.&lt;br&gt;&lt;b&gt;Mindestfläche&lt;/b&gt; und &lt;b&gt;Vereinfachung&lt;/b&gt;: kleinere Polygone entfallen, Umrisse werden innerhalb der Toleranz vereinfacht.&lt;br&gt;&lt;b&gt;Rechte Winkel&lt;/b&gt;: Ecken werden rechtwinklig, wie die von Gebäuden.&lt;br&gt;&lt;b&gt;Beste Vermutung, wo nichts passt&lt;/b&gt;: gibt auch, was das Modell für keinen Treffer hält.&lt;br&gt;&lt;b&gt;Nur was so liegt&lt;/b&gt;: behält, was so zum nächsten Objekt eines eigenen Layers liegt; links ist Westen und oben ist Norden.&lt;br&gt;&lt;b&gt;Punkte&lt;/b&gt; und &lt;b&gt;Rechteck&lt;/b&gt;: zeigen auf das Gemeinte, wie Klicks im Bedienfeld; Punkte sind WKT, etwa &lt;code&gt;CRS=EPSG:32633;MultiPoint((500000 5200000))&lt;/code&gt;, und ohne Angabe im KBS des Rasters.&lt;/p&gt;&lt;p&gt;Die Engine startet bei der ersten Verwendung und wird mit dem RSRefSeg-Bedienfeld geteilt. Nichts verlässt diesen Rechner, es sei denn, die Einstellungen nennen eine Engine anderswo.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Best guess where nothing matches</source>
   <translation>Beste Vermutung, wo nichts passt</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>The phrase is empty; say what to look for.</source>
   <translation>Die Beschreibung ist leer; sagen Sie, was gesucht wird.</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>The style is not kept in the file: {why}</source>
   <translation>Der Stil steht nicht in der Datei: {why}</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Segment many rasters by many phrases</source>
   <translation>Viele Raster nach vielen Beschreibungen segmentieren</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Finds what phrases say in each of many rasters, into one GeoPackage.</source>
   <translation>Findet in vielen Rastern, was Beschreibungen sagen, in ein GeoPackage.</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>&lt;p&gt;Looks for each phrase in each raster and writes all polygons into one GeoPackage, with score, area, source and provenance, and with the layers' styles.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Rasters&lt;/b&gt;: layers of the project, as they are drawn, or files; and all those in a &lt;b&gt;folder&lt;/b&gt; (not of folders in it). Each may be of any size. One that cannot be used is named and left out.&lt;br&gt;&lt;b&gt;Phrases&lt;/b&gt;: one on each line, or separated by semicolons; and those in a &lt;b&gt;field&lt;/b&gt; of a layer or table.&lt;br&gt;&lt;b&gt;Only inside the polygons of&lt;/b&gt;: what is found is cut at their outlines; rasters that they do not reach are left out.&lt;br&gt;&lt;b&gt;CRS&lt;/b&gt;: of the polygons; that of the first raster by default.&lt;br&gt;&lt;b&gt;Layers&lt;/b&gt;: one for all, coloured by its field “phrase”, or one for each phrase.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Sucht jede Beschreibung in jedem Raster und schreibt alle Polygone in ein GeoPackage, mit Güte, Fläche, Quelle und Herkunft und mit den Stilen der Layer.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Raster&lt;/b&gt;: Layer des Projekts, wie sie gezeichnet werden, oder Dateien; dazu alle eines &lt;b&gt;Ordners&lt;/b&gt; (ohne Unterordner). Jedes darf beliebig groß sein. Eines, das nicht verwendbar ist, wird genannt und ausgelassen.&lt;br&gt;&lt;b&gt;Beschreibungen&lt;/b&gt;: eine je Zeile oder durch Semikolons getrennt; dazu die in einem &lt;b&gt;Feld&lt;/b&gt; eines Layers oder einer Tabelle.&lt;br&gt;&lt;b&gt;Nur innerhalb der Polygone von&lt;/b&gt;: Gefundenes wird an deren Umrissen abgeschnitten; Raster, die sie nicht berühren, werden ausgelassen.&lt;br&gt;&lt;b&gt;KBS&lt;/b&gt;: das der Polygone; standardmäßig das des ersten Rasters.&lt;br&gt;&lt;b&gt;Layer&lt;/b&gt;: einer für alle, gefärbt nach seinem Feld „phrase“, oder einer je Beschreibung.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>One for all phrases</source>
   <translation>Einer für alle Beschreibungen</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>One for each phrase</source>
   <translation>Einer je Beschreibung</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>CRS</source>
   <translation>KBS</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Layers</source>
   <translation>Layer</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Open the layers afterwards</source>
   <translation>Die Layer danach öffnen</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>GeoPackage</source>
   <translation>GeoPackage</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>GeoPackage files (*.gpkg)</source>
   <translation>GeoPackage-Dateien (*.gpkg)</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Rasters looked at</source>
   <translation>Durchsuchte Raster</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Rasters left out</source>
   <translation>Ausgelassene Raster</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Rasters</source>
   <translation>Raster</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Folder of rasters</source>
   <translation>Ordner mit Rastern</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Phrases</source>
   <translation>Beschreibungen</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Layer or table with phrases</source>
   <translation>Layer oder Tabelle mit Beschreibungen</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>There is no phrase; type some, or choose a layer with a field of phrases.</source>
   <translation>Es gibt keine Beschreibung; geben Sie welche ein oder wählen Sie einen Layer mit einem Feld voller Beschreibungen.</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Say which field of the layer holds the phrases.</source>
   <translation>Geben Sie an, welches Feld des Layers die Beschreibungen enthält.</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>“{phrase}”: {count} polygons</source>
   <translation>„{phrase}“: {count} Polygone</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Distance for “within” [m]</source>
   <translation>Abstand für „im Umkreis“ [m]</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Points inside the target</source>
   <translation>Punkte im Ziel</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Points outside the target</source>
   <translation>Punkte außerhalb des Ziels</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Box around the target</source>
   <translation>Rechteck um das Ziel</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Only what is</source>
   <translation>Nur was so liegt</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Layer that this is about</source>
   <translation>Vergleichslayer dafür</translation>
  </message>
  <message>
   <location filename="../settings.py" />
   <source>The setting {key} cannot be “{value}”; allowed: {allowed}.</source>
   <translation>Die Einstellung {key} kann nicht „{value}“ sein; erlaubt: {allowed}.</translation>
  </message>
  <message>
   <location filename="../tasks/ahead.py" />
   <source>Prepare the view</source>
   <translation>Ausschnitt vorbereiten</translation>
  </message>
  <message>
   <location filename="../tasks/base.py" />
   <source>Something unexpected went wrong ({kind}: {why}); try again, and report it with the message log if it stays.</source>
   <translation>Etwas Unerwartetes ging schief ({kind}: {why}); versuchen Sie es noch einmal, und melden Sie es mit dem Meldungsprotokoll, wenn es bleibt.</translation>
  </message>
  <message>
   <location filename="../tasks/calls.py" />
   <source>The engine ended unexpectedly; it starts anew and tries again…</source>
   <translation>Die Engine endete unerwartet; sie startet neu und versucht es noch einmal…</translation>
  </message>
  <message>
   <location filename="../tasks/delivery.py" />
   <source>Starting the engine…</source>
   <translation>Die Engine wird gestartet…</translation>
  </message>
  <message>
   <location filename="../tasks/delivery.py" />
   <source>The extent's pixels are more than an engine elsewhere takes at once; choose a smaller extent or a coarser ground resolution, or use the engine on this machine.</source>
   <translation>Die Pixel der Ausdehnung sind mehr, als eine entfernte Engine auf einmal annimmt; wählen Sie eine kleinere Ausdehnung oder eine gröbere Bodenauflösung, oder verwenden Sie die Engine auf diesem Rechner.</translation>
  </message>
  <message>
   <location filename="../tasks/delivery.py" />
   <source>The extent has {count} million pixels, and an engine elsewhere takes {limit} million at once; choose a smaller extent or a coarser ground resolution, or use the engine on this machine.</source>
   <translation>Die Ausdehnung hat {count} Millionen Pixel, und eine entfernte Engine nimmt {limit} Millionen auf einmal an; wählen Sie eine kleinere Ausdehnung oder eine gröbere Bodenauflösung, oder verwenden Sie die Engine auf diesem Rechner.</translation>
  </message>
  <message>
   <location filename="../tasks/encode.py" />
   <source>Encoding…</source>
   <translation>Bild wird ausgewertet…</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>An NVIDIA or AMD GPU is available to torch.</source>
   <translation>Eine GPU von NVIDIA oder AMD steht PyTorch zur Verfügung.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Apple's GPU is available to torch.</source>
   <translation>Die GPU von Apple steht PyTorch zur Verfügung.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>The installed torch is a build for the CPU, so no GPU is looked for.</source>
   <translation>Das installierte PyTorch ist für den Prozessor gebaut, eine GPU wird daher nicht gesucht.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Torch finds no GPU: either there is none, or its driver does not fit this torch.</source>
   <translation>PyTorch findet keine GPU: entweder gibt es keine, oder ihr Treiber passt nicht zu diesem PyTorch.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>It was asked for.</source>
   <translation>So ist es eingestellt.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Looking at the extent.</source>
   <translation>Die Ausdehnung wird angesehen.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Drawing the polygons.</source>
   <translation>Die Polygone werden gezeichnet.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Done.</source>
   <translation>Fertig.</translation>
  </message>
  <message>
   <location filename="../tasks/evaluate.py" />
   <source>Comparing…</source>
   <translation>Vergleich läuft…</translation>
  </message>
  <message>
   <location filename="../tasks/export.py" />
   <source>Write {name}</source>
   <translation>{name} schreiben</translation>
  </message>
  <message>
   <location filename="../tasks/export.py" />
   <source>Writing “{table}”…</source>
   <translation>„{table}“ wird geschrieben…</translation>
  </message>
  <message>
   <location filename="../tasks/heat.py" />
   <source>Draw where the model looked</source>
   <translation>Zeichnen, wohin das Modell gesehen hat</translation>
  </message>
  <message>
   <location filename="../tasks/heat.py" />
   <source>The engine no longer has this answer; press “Segment” to ask again.</source>
   <translation>Die Engine hat diese Antwort nicht mehr; drücken Sie „Segmentieren“, um noch einmal zu suchen.</translation>
  </message>
  <message>
   <location filename="../tasks/heat.py" />
   <source>{path} cannot be written ({why}); free some room or choose another folder.</source>
   <translation>{path} ist nicht beschreibbar ({why}); schaffen Sie Platz oder wählen Sie einen anderen Ordner.</translation>
  </message>
  <message>
   <location filename="../tasks/install.py" />
   <source>Install the engine</source>
   <translation>Engine installieren</translation>
  </message>
  <message>
   <location filename="../tasks/install.py" />
   <source>Look at what the engine needs</source>
   <translation>Nachsehen, was die Engine braucht</translation>
  </message>
  <message>
   <location filename="../tasks/install.py" />
   <source>Remove the engine</source>
   <translation>Engine entfernen</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>it cannot be read; check the file.</source>
   <translation>es ist nicht lesbar; prüfen Sie die Datei.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>There is no raster; choose some, or a folder of them.</source>
   <translation>Es gibt kein Raster; wählen Sie welche oder einen Ordner mit Rastern.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>it has no CRS while others have one; set its CRS in the layer's properties.</source>
   <translation>es hat kein KBS, während andere eines haben; setzen Sie es in den Layereigenschaften.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>There is no raster in {folder}; choose another folder.</source>
   <translation>In {folder} ist kein Raster; wählen Sie einen anderen Ordner.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>The folder {folder} cannot be read; choose another.</source>
   <translation>Der Ordner {folder} ist nicht lesbar; wählen Sie einen anderen.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>“{name}” is left out: {why}</source>
   <translation>„{name}“ wird ausgelassen: {why}</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>its polygons cannot be expressed in {crs}; choose another CRS.</source>
   <translation>seine Polygone lassen sich nicht in {crs} ausdrücken; wählen Sie ein anderes KBS.</translation>
  </message>
  <message>
   <location filename="../tasks/regularise.py" />
   <source>Straightening…</source>
   <translation>Umrisse werden begradigt…</translation>
  </message>
  <message>
   <location filename="../tasks/reshape.py" />
   <source>Draw the outlines again</source>
   <translation>Umrisse neu zeichnen</translation>
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>Writing chips…</source>
   <translation>Kacheln werden geschrieben…</translation>
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>No polygon with a phrase lies on the raster; check the layers' CRS and field.</source>
   <translation>Kein Polygon mit einer Beschreibung liegt auf dem Raster; prüfen Sie KBS und Feld der Layer.</translation>
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>“{name}” has no pixels of its own; give a ground resolution.</source>
   <translation>„{name}“ hat keine eigenen Pixel; geben Sie eine Bodenauflösung an.</translation>
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>{path} is there already; choose another folder.</source>
   <translation>{path} gibt es schon; wählen Sie einen anderen Ordner.</translation>
  </message>
  <message>
   <location filename="../tasks/scene.py" />
   <source>Reading the layer…</source>
   <translation>Layer wird gelesen…</translation>
  </message>
  <message>
   <location filename="../tasks/scene.py" />
   <source>The engine does not say what model it has; repair it in the plugin's settings.</source>
   <translation>Die Engine sagt nicht, welches Modell sie hat; reparieren Sie sie in den Einstellungen des Plugins.</translation>
  </message>
  <message>
   <location filename="../tasks/scene.py" />
   <source>Loading the model…</source>
   <translation>Modell wird geladen…</translation>
  </message>
  <message>
   <location filename="../tasks/segment.py" />
   <source>Drawing the result…</source>
   <translation>Ergebnis wird gezeichnet…</translation>
  </message>
  <message>
   <location filename="../tasks/segment.py" />
   <source>Find “{phrase}”</source>
   <translation>„{phrase}“ suchen</translation>
  </message>
  <message>
   <location filename="../tasks/segment.py" />
   <source>Looking for “{phrase}”…</source>
   <translation>„{phrase}“ wird gesucht…</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Nothing here matches “{phrase}” well enough (likelihood of a match: {percent}%).</source>
   <translation>Nichts hier passt gut genug zu „{phrase}“ (Wahrscheinlichkeit eines Treffers: {percent} %).</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Nothing here matches “{phrase}” (likelihood of a match: {percent}%).</source>
   <translation>Nichts hier passt zu „{phrase}“ (Wahrscheinlichkeit eines Treffers: {percent} %).</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>1 polygon</source>
   <translation>1 Polygon</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>“{phrase}”: {what}</source>
   <translation>„{phrase}“: {what}</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{words} are not in this model's vocabulary.</source>
   <translation>{words} gehören nicht zum Wortschatz dieses Modells.</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>score {score}</source>
   <translation>Güte {score}</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Best guess for {text}</source>
   <translation>Beste Vermutung für {text}</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>None of {count} polygons for “{phrase}” lies as asked to “{layer}”.</source>
   <translation>Keines von {count} Polygonen für „{phrase}“ liegt wie verlangt zu „{layer}“.</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Nothing here matches “{phrase}”.</source>
   <translation>Nichts hier passt zu „{phrase}“.</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{word} is not in this model's vocabulary.</source>
   <translation>{word} gehört nicht zum Wortschatz dieses Modells.</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{count} polygons</source>
   <translation>{count} Polygone</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{count} left out</source>
   <translation>{count} weggelassen</translation>
  </message>
  <message>
   <location filename="../tasks/thumbnails.py" />
   <source>Draw the candidates' pictures</source>
   <translation>Bilder der Kandidaten zeichnen</translation>
  </message>
 </context>
</TS>
